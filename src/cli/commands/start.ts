import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { AddressPlan } from '../../config/plan.ts'
import { chosenPath } from '../../control/socket-path.ts'
import { startRelay, type Relay } from '../../relay/relay.ts'
import { onSignals } from '../../relay/signals.ts'
import type { RelaySource } from '../../relay/source.ts'
import { banner } from '../banner.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { configFile } from '../find.ts'
import { adminAddress, configOption, controlOption, count, given, jsonOption } from '../options.ts'
import { version } from '../version.ts'
import { stepSentence } from './stop.ts'

interface StartFlags extends JsonFlag {
  readonly config?: string
  readonly upstream?: string
  readonly keyEnv?: string
  readonly kind?: 'claude' | 'http' | 'grpc'
  readonly listen?: string
  readonly public?: boolean
  readonly workers?: number
  readonly workerHeap?: number
  readonly admin?: AddressPlan | null
  readonly control?: string
}

const help = `
Examples:
  relay start --config relay.config.yaml
  relay start --upstream https://api.anthropic.com --key-env ANTHROPIC_API_KEY
  relay start --upstream http://127.0.0.1:3000 --listen 127.0.0.1:0

Signals: SIGTERM drains and ends, SIGINT does so without the delay, a second one cuts; SIGHUP reloads the config.
Logs go to standard error, one JSON object a line.`

/** `relay start`. */
export function startCommand(context: Context): Command {
  return new Command('start')
    .description('start relay, and serve until it is told to stop')
    .addOption(configOption())
    .option('--upstream <url>', 'no config file: every path goes there')
    .option(
      '--key-env <name>',
      'with --upstream: environment variable with the key to put in (default: the credential of the caller passes)',
    )
    .addOption(new Option('--kind <kind>', 'with --upstream: what speaks there').choices(['claude', 'http', 'grpc']))
    .option('--listen <address>', 'with --upstream: where callers connect (default: 127.0.0.1:8080)')
    .option('--public', 'with --upstream: let other machines reach a key that relay puts in; whoever reaches the address spends it')
    .option('--workers <count>', 'worker threads (default: as configured, else one a core)', count)
    .option('--worker-heap <mb>', "heap limit of a worker in MB (default: a share of the machine's memory)", count)
    .option('--admin <address>', 'where metrics and health are, or off (default: as configured, else 127.0.0.1:9901)', adminAddress)
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (flags: StartFlags) => start(flags, context))
}

async function start(flags: StartFlags, context: Context): Promise<void> {
  const { io, worker } = context
  const relay = await startRelay({
    source: await sourceOf(flags, context),
    env: io.env,
    version,
    worker,
    workers: flags.workers ?? null,
    admin: flags.admin,
    control: chosenPath(flags.control, io.env),
    heapMb: flags.workerHeap ?? null,
  })
  const off = onSignals({ stop: relay.stop, cut: relay.cut, reload: () => reload(relay, context) })
  try {
    show(context, flags, { is: 'started', control: relay.control, ...relay.status() }, banner(relay, io))
    const stopped = await relay.ended
    context.exit = stopped.exit
    show(context, flags, stopped, [stepSentence(stopped)])
  } finally {
    off()
  }
}

async function sourceOf(flags: StartFlags, context: Context): Promise<RelaySource> {
  const { upstream, keyEnv, kind, listen, public: isPublic } = flags
  if (upstream !== undefined) {
    if (flags.config !== undefined) throw new CommandError(2, '--config and --upstream exclude each other; give one of them')
    return { is: 'flags', flags: { upstream, ...given({ keyEnv, kind, listen, public: isPublic }) } }
  }
  const [stray] = Object.entries({ '--key-env': keyEnv, '--kind': kind, '--listen': listen, '--public': isPublic }).flatMap(
    ([name, value]) => (value === undefined ? [] : [name]),
  )
  if (stray !== undefined) throw new CommandError(2, `${stray} goes with --upstream; with a config file it is a key in the file`)
  const file = flags.config === undefined ? await configFile({}, context) : resolve(context.io.cwd, flags.config)
  return { is: 'file', file: file ?? null }
}

/** What is wrong with the config stands in the log; only what should never happen is told here. */
function reload(relay: Relay, { io }: Context): void {
  relay.reload().catch((error: unknown) => io.err(`error: the reload failed: ${error instanceof Error ? error.message : String(error)}\n`))
}
