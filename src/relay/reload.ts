import { ConfigError, problemLine, type Problem } from '../base/errors.ts'
import type { ReloadOutcome } from '../control/api.ts'
import type { Log } from '../base/log.ts'
import { apply, isSame, type ApplyTo, type Running } from './apply.ts'
import { changedParts, fixedProblems } from './changed.ts'
import type { Loaded } from './source.ts'
import type { State } from './state.ts'

/** What a reload reads, moves and tells. */
export interface ReloadOptions extends ApplyTo {
  readonly log: Log
  readonly now: State
  readonly load: () => Promise<Loaded>
}

/** Reads the configuration again and brings it to every worker, or changes nothing and says what is wrong; inside of a change. */
export async function reload(options: ReloadOptions, expect: string | null): Promise<ReloadOutcome> {
  const before = options.now.read().running
  const { version } = before.snapshot
  if (options.now.phase() !== 'running') return { is: 'refused', version, reason: `relay is ${options.now.phase()}` }
  const loaded = await loadOr(options.load)
  if (!('plan' in loaded)) return rejected(options, before, loaded)
  if (expect !== null && expect !== loaded.hash) return { is: 'stale', version, hash: loaded.hash }
  options.parts.reflections.again()
  if (await isSame(before, loaded)) {
    options.now.setRunning({ ...before, loaded }, [])
    return { is: 'unchanged', version, hash: loaded.hash }
  }
  const fixed = fixedProblems(before.loaded.plan, loaded.plan)
  const after = fixed.length > 0 ? fixed : await apply(options, loaded, before)
  if (!('snapshot' in after)) return rejected(options, before, after)
  options.now.setRunning(after, [])
  options.log.setLevel(loaded.plan.log.level)
  const changed = changedParts(before.loaded.plan, loaded.plan)
  const told = changed.length > 0 ? changed : ['certificates']
  options.log.info({ version: after.snapshot.version, changed: told }, 'reloaded')
  return { is: 'applied', version: after.snapshot.version, hash: loaded.hash, changed: told }
}

async function loadOr(load: () => Promise<Loaded>): Promise<Loaded | readonly Problem[]> {
  try {
    return await load()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

function rejected({ log, now }: ReloadOptions, before: Running, problems: readonly Problem[]): ReloadOutcome {
  const { version } = before.snapshot
  now.setRunning(before, problems)
  log.error({ version, problems }, `reload rejected, version ${version} goes on: ${problems.map(problemLine).join('; ')}`)
  return { is: 'rejected', version, problems }
}
