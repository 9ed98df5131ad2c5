import { CommanderError } from 'commander'
import { ConfigError, problemLine, type Problem } from '../base/errors.ts'
import { NoRelayError } from '../control/client.ts'
import type { WorkerSource } from '../relay/worker-source.ts'
import { CommandError, type Context } from './command.ts'
import type { Exit } from './exit.ts'
import type { Io } from './io.ts'
import { program } from './program.ts'

export interface RunOptions {
  readonly io: Io
  readonly worker: WorkerSource
}

/** Runs a command line to its end and returns its exit code; whatever goes wrong is told in clear lines, never as a stack. */
export async function run(args: readonly string[], options: RunOptions): Promise<Exit> {
  const context: Context = { ...options, exit: 0 }
  try {
    await program(context).parseAsync(args, { from: 'user' })
    return context.exit
  } catch (error) {
    return failed(error, context, args.includes('--json'))
  }
}

function failed(error: unknown, { io }: Context, json: boolean): Exit {
  // Commander has told it already; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { exit, message, problems } = told(error)
  if (json) io.out(`${JSON.stringify({ error: { message, problems } })}\n`)
  for (const line of problems.length > 0 ? problems.map(problemLine) : [message]) io.err(`error: ${line}\n`)
  return exit
}

interface Told {
  readonly exit: Exit
  readonly message: string
  readonly problems: readonly Problem[]
}

function told(error: unknown): Told {
  if (error instanceof ConfigError) return { exit: 2, message: error.message, problems: error.problems }
  if (error instanceof NoRelayError) return { exit: 4, message: `${error.message}; start one with: relay start`, problems: [] }
  if (error instanceof CommandError) return { exit: error.exit, message: error.message, problems: [] }
  return { exit: 1, message: error instanceof Error ? error.message : String(error), problems: [] }
}
