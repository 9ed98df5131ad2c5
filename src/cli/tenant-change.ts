import type { TenantRecord } from '../auth/tenant.ts'
import { ConfigError } from '../base/errors.ts'
import { editTenants, type WrittenTenants } from '../config/edit-tenants.ts'
import type { WrittenTenant } from '../config/quota.ts'
import { CommandError, type Context } from './command.ts'
import type { Which } from './find.ts'
import { editApplied, type EditOutcome } from './route-edit.ts'
import type { TenantPlace } from './tenant-place.ts'

/** A change of one tenant: what is written of it in a file, and its record in a store. null: none. */
export interface TenantChange {
  readonly name: string
  /** A sentence about what was done. */
  readonly told: string
  readonly inFile: (written: WrittenTenant) => WrittenTenant | null
  readonly inStore: (record: TenantRecord) => TenantRecord | null
}

/** How a change is made: where, and by which flags. */
export interface Changing {
  readonly place: TenantPlace
  readonly flags: Which
  readonly context: Context
}

/** Changes the tenant in the file; the running relay takes it up at once. */
export async function changeInFile(change: TenantChange, { place, flags, context }: Changing): Promise<EditOutcome> {
  const edit = (tenants: WrittenTenants): WrittenTenants => {
    const { [change.name]: written, ...others } = tenants
    const next = change.inFile(isRecord(written) ? written : {})
    // In its place, not at the end.
    return next === null ? others : { ...tenants, [change.name]: next }
  }
  return editApplied(place.file, (text) => editTenants(text, change.told, edit, place.name), flags, context)
}

// Each round another writer was faster with the same tenant.
const mostRounds = 20

/** Changes the tenant in the store; every relay that has its tenants there follows. */
export async function changeInStore(change: TenantChange, { place }: Changing): Promise<EditOutcome> {
  const { tenants, name } = storeOf(place)
  for (let round = 0; round < mostRounds; round++) {
    const record = await tenants.get(change.name)
    if (record === null) throw new CommandError(1, `the tenant '${change.name}' was removed meanwhile`)
    const next = change.inStore(record)
    const isDone = next === null ? await tenants.remove(change.name) : await tenants.put(next, record)
    if (isDone) return storeOutcome(change.told, name)
  }
  throw new CommandError(1, `the tenant '${change.name}' is being changed by others all the time; nothing was changed, try again`)
}

/** Puts a new tenant into the store. */
export async function addToStore(record: TenantRecord, told: string, place: TenantPlace): Promise<EditOutcome> {
  const { tenants, name } = storeOf(place)
  if (await tenants.put(record, null)) return storeOutcome(told, name)
  throw taken(record.name, name)
}

/** That a name is in use. */
export function taken(name: string, where: string): ConfigError {
  const remedy = `show it with \`relay tenant show ${name}\`, or remove it first`
  return new ConfigError([{ path: '', message: `there is a tenant '${name}' already, in ${where}`, remedy }])
}

/** Tells problems of what came by flags as problems of flags; the file that would have come of it is nowhere. */
export async function byFlags<Result>(name: string, flags: Readonly<Record<string, string>>, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const start = `tenants.${name}`
    const problems = error.problems.map((problem) => {
      const { path, message, remedy } = problem
      if (path === start) return { path: '', message, remedy }
      const flag = path.startsWith(`${start}.`) ? flagOf(path.slice(start.length + 1), flags) : undefined
      return flag === undefined ? problem : { path: flag, message, remedy }
    })
    throw new ConfigError(problems)
  }
}

/** By the longest beginning: `requests.burst` before `requests`. */
function flagOf(field: string, flags: Readonly<Record<string, string>>): string | undefined {
  const known = Object.keys(flags).toSorted((a, b) => b.length - a.length)
  const key = known.find((one) => field === one || field.startsWith(`${one}.`))
  return key === undefined ? undefined : flags[key]
}

function storeOf({ store }: TenantPlace): NonNullable<TenantPlace['store']> {
  if (store === null) throw new CommandError(1, 'the config names no store of tenants')
  return store
}

function storeOutcome(change: string, store: string): EditOutcome {
  const value = { change, store, applied: true, is: 'stored' }
  return { value, lines: [change, `every relay with its tenants in ${store} follows within a second`] }
}

function isRecord(value: unknown): value is WrittenTenant {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
