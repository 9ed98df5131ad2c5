import { Command } from 'commander'
import type { Cut, StopStep } from '../../control/api.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { withRelay, type Which } from '../find.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'

interface StopFlags extends Which, JsonFlag {
  readonly now?: boolean
}

/** `relay stop`. */
export function stopCommand(context: Context): Command {
  return new Command('stop')
    .description('drain the running relay and wait until it has stopped')
    .option('--now', 'cut what is open instead of waiting for it')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay stop\n  relay stop --now')
    .action(async (flags: StopFlags) => {
      const stopped = await stop(flags, context)
      context.exit = stopped.exit
      show(context, flags, stopped, [stoppedSentence(stopped.cut)])
    })
}

async function stop(flags: StopFlags, context: Context): Promise<Extract<StopStep, { is: 'stopped' }>> {
  const { json = false, now = false } = flags
  let last: StopStep | null = null
  const told = (step: StopStep) => {
    // A line each second would say the same over and over.
    if (!json && step.is !== 'stopped' && (step.is !== 'waiting' || last?.is !== 'waiting')) context.io.out(`${stepSentence(step)}\n`)
    last = step
  }
  const steps: StopStep[] = []
  await withRelay(flags, context, (client) =>
    client.stop(now, (step) => {
      told(step)
      steps.splice(0, 1, step)
    }),
  )
  const [end] = steps
  if (end?.is === 'stopped') return end
  throw new CommandError(1, 'relay went away without saying how it ended; look into its log')
}

/** A step of a drain, in words. */
export function stepSentence(step: StopStep): string {
  switch (step.is) {
    case 'closing':
      return `closing: accepting for another ${step.delay / 1000} s`
    case 'draining':
      return `draining: ${step.connections} connections; calls get ${step.grace / 1000} s, streams ${step.streamGrace / 1000} s`
    case 'waiting':
      return `waiting for ${step.connections} connections`
    case 'cutting':
      return `cutting ${step.connections} connections`
    case 'stopped':
      return stoppedSentence(step.cut)
  }
}

function stoppedSentence({ calls, streams, unknown }: Cut): string {
  if (calls + streams + unknown === 0) return 'stopped, nothing was cut'
  const workers = unknown === 0 ? '' : `, and whatever ${unknown} workers held that ended before they could say`
  return `stopped, cut ${calls} calls and ${streams} streams${workers}`
}
