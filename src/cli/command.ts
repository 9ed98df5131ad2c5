import type { WorkerSource } from '../relay/worker-source.ts'
import type { Exit } from './exit.ts'
import type { Io } from './io.ts'

/** What every command gets: the world, and where it leaves how it ended. */
export interface Context {
  readonly io: Io
  readonly worker: WorkerSource
  exit: Exit
}

/** The flag that every command has. */
export interface JsonFlag {
  readonly json?: boolean
}

/** Shows a result: `value` as one line of JSON with --json, else the lines for people. */
export function show({ io }: Context, { json = false }: JsonFlag, value: unknown, lines: readonly string[]): void {
  io.out(json ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''))
}

/** Says that a command did not work: one clear line each, and the exit code that goes with it. */
export class CommandError extends Error {
  readonly exit: Exit

  constructor(exit: Exit, message: string) {
    super(message)
    this.name = 'CommandError'
    this.exit = exit
  }
}
