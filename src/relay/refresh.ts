import { problemLine } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { apply, type ApplyTo } from './apply.ts'
import type { State } from './state.ts'

/** What is brought up to date, and who is told. */
export interface RefreshOptions extends ApplyTo {
  readonly log: Log
  readonly now: State
}

/** Brings what gRPC servers have said of themselves since to every worker, as a version of its own; inside of a change. */
export async function refresh({ log, now, ...to }: RefreshOptions): Promise<void> {
  if (now.phase() !== 'running') return
  const { running, lastProblems } = now.read()
  const after = await apply(to, running.loaded, running)
  if ('snapshot' in after) {
    now.setRunning(after, lastProblems)
    log.info({ version: after.snapshot.version }, 'what gRPC servers say of themselves was taken up')
    return
  }
  const { version } = running.snapshot
  log.error({ version, problems: after }, `what gRPC servers say could not be taken up: ${after.map(problemLine).join('; ')}`)
}
