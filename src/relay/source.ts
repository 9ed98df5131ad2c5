import { createHash } from 'node:crypto'
import type { AddressPlan, Plan } from '../config/plan.ts'
import { loadConfig } from '../config/load.ts'
import { planFromFlags, type StartFlags } from '../config/plan-from-flags.ts'
import type { SourceStatus } from '../control/api.ts'

/** What a relay is started with: a config file (null: the one in the folder), or flags that stand for one. */
export type RelaySource = { readonly is: 'file'; readonly file: string | null } | { readonly is: 'flags'; readonly flags: StartFlags }

/** What the command line says over whatever the config says. */
export interface Overrides {
  readonly workers: number | null
  /** Undefined: as configured. */
  readonly admin: AddressPlan | null | undefined
}

/** A configuration as it was read. */
export interface Loaded {
  readonly plan: Plan
  readonly hash: string
  readonly source: SourceStatus
  /** Everything that it was made from, the config file first: a change in one is a change of it. */
  readonly files: readonly string[]
}

/** Reads the configuration, or throws a ConfigError with all of its problems. */
export async function load(source: RelaySource, overrides: Overrides, env: NodeJS.ProcessEnv): Promise<Loaded> {
  if (source.is === 'flags') return fromFlags(source.flags, overrides, env)
  const { file, plan, hash, files } = await loadConfig({ ...(source.file === null ? {} : { file: source.file }), env })
  return { plan: overridden(plan, overrides), hash, source: { is: 'file', file }, files: [file, ...files] }
}

function fromFlags(flags: StartFlags, overrides: Overrides, env: NodeJS.ProcessEnv): Loaded {
  const plan = planFromFlags({ ...flags, env })
  const hash = createHash('sha256').update(JSON.stringify(flags)).digest('hex')
  return { plan: overridden(plan, overrides), hash, source: { is: 'flags', upstream: flags.upstream }, files: [] }
}

function overridden(plan: Plan, { workers, admin }: Overrides): Plan {
  return { ...plan, ...(workers === null ? {} : { workers }), ...(admin === undefined ? {} : { admin }) }
}
