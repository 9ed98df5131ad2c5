import { directoryMemory, entryOf, State } from './directory-memory.ts'
import { directoryTable } from './directory-table.ts'

/** A worker's view of the directory. */
export interface DirectoryReader {
  /** The id of the tenant whose key has this digest; -1: nobody's. */
  find(digest: string): number
  /** Counts the changes of the tenant with this id. */
  generation(id: number): number
  /** The directory has moved. */
  use(shared: SharedArrayBuffer): void
}

/** Control's end of the directory. */
export interface DirectoryWriter {
  /** The memory as it is now; `moved` tells of another. */
  readonly memory: SharedArrayBuffer
  /** Live keys. */
  readonly keys: number
  /** The tenant's keys from now on: others that it had are revoked. Digests that are another tenant's are left to that, and returned. */
  setKeys(id: number, digests: readonly string[]): readonly string[]
  /** Whose key this is; -1: nobody's. */
  owner(digest: string): number
  generation(id: number): number
  /** What workers know of the tenant is out of date. */
  bump(id: number): void
}

export interface DirectoryOptions {
  /** Told when the table has been rebuilt into another memory, which workers have to use from then on. */
  readonly moved: (memory: SharedArrayBuffer) => void
  /** Entries to begin with, a power of two. */
  readonly capacity?: number
}

/** Reads the directory. */
export function directoryReader(shared: SharedArrayBuffer): DirectoryReader {
  let memory = directoryMemory(shared)
  return {
    find: (digest) => {
      const entry = entryOf(memory, digest)
      if (entry === -1) return -1
      const state = Atomics.load(memory.states, entry)
      // Revoked since the search found it.
      return state === State.dead ? -1 : state - 1
    },
    generation: (id) => (id < memory.ids ? Atomics.load(memory.generations, id) : -1),
    use: (next) => {
      memory = directoryMemory(next)
    },
  }
}

/** Writes the directory: one writer, in one thread. */
export function directoryWriter({ moved, capacity = 1024 }: DirectoryOptions): DirectoryWriter {
  const table = directoryTable(capacity, moved)
  return {
    get memory() {
      return table.memory().shared
    },
    get keys() {
      return table.live()
    },
    setKeys: (id, digests) => {
      // First, for a rebuilt table has its entries elsewhere.
      table.makeRoom(id, digests.length)
      const wanted = new Set(digests)
      const [kept, revoked] = parted(table.entries(id), (entry) => wanted.delete(table.digest(entry)))
      for (const entry of revoked) table.kill(entry)
      const [others, added] = parted([...wanted], (digest) => entryOf(table.memory(), digest) !== -1)
      table.keep(id, [...kept, ...added.map((digest) => table.put(digest, id))])
      return others
    },
    owner: (digest) => {
      const { states } = table.memory()
      const entry = entryOf(table.memory(), digest)
      return entry === -1 ? -1 : (states[entry] ?? 0) - 1
    },
    generation: (id) => table.memory().generations[id] ?? 0,
    bump: (id) => {
      table.makeRoom(id, 0)
      Atomics.add(table.memory().generations, id, 1)
    },
  }
}

function parted<Thing>(all: readonly Thing[], isFirst: (one: Thing) => boolean): readonly [readonly Thing[], readonly Thing[]] {
  const first: Thing[] = []
  const rest = all.filter((one) => !(isFirst(one) && first.push(one)))
  return [first, rest]
}
