import { directoryWriter } from './directory.ts'
import { digestFrom } from './keys.ts'
import type { TenantRecord } from './tenant.ts'

/** The tenants of a relay as control keeps them in mind: names, ids and keys, but not their records. */
export interface Members {
  readonly memory: SharedArrayBuffer
  readonly size: number
  readonly keys: number
  /** What a tenant is from now on; null: it is gone, and its id another's one day. */
  apply(name: string, record: TenantRecord | null): void
  nameOf(id: number): string | null
  generation(id: number): number
  /** All that workers know of any of them is out of date. */
  touchAll(): void
  names(): Iterable<string>
}

export interface MembersOptions {
  readonly moved: (memory: SharedArrayBuffer) => void
  readonly problem: (message: string) => void
}

/** Nobody yet. */
export function members({ moved, problem }: MembersOptions): Members {
  const directory = directoryWriter({ moved })
  const ids = new Map<string, number>()
  const names: (string | null)[] = []
  const free: number[] = []

  const idFor = (name: string): number => {
    const id = ids.get(name) ?? free.pop() ?? names.length
    names[id] = name
    ids.set(name, id)
    return id
  }
  const drop = (name: string): void => {
    const id = ids.get(name)
    if (id === undefined) return
    directory.setKeys(id, [])
    directory.bump(id)
    ids.delete(name)
    names[id] = null
    free.push(id)
  }
  return {
    get memory() {
      return directory.memory
    },
    get size() {
      return ids.size
    },
    get keys() {
      return directory.keys
    },
    apply: (name, record) => {
      if (record === null) return drop(name)
      const id = idFor(name)
      const digests = record.keys.map(({ sha256 }) => digestFrom(sha256))
      for (const digest of directory.setKeys(id, digests)) {
        const { hint = '' } = record.keys[digests.indexOf(digest)] ?? {}
        problem(`the key ${hint} of the tenant '${name}' is the tenant '${names[directory.owner(digest)]}'s, and stays with that one`)
      }
      directory.bump(id)
    },
    nameOf: (id) => names[id] ?? null,
    generation: (id) => directory.generation(id),
    touchAll: () => {
      for (const id of ids.values()) directory.bump(id)
    },
    names: () => ids.keys(),
  }
}
