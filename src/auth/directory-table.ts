import { type DirectoryMemory, digestBytes, newDirectoryMemory, startOf, State } from './directory-memory.ts'

/** The table of the directory as its writer has it: which entries are whose, and how full it is. */
export interface DirectoryTable {
  memory(): DirectoryMemory
  /** Live entries. */
  live(): number
  /** Rebuilds the table into another memory where it has no room for this id and so many entries more: entries are elsewhere then. */
  makeRoom(id: number, entries: number): void
  /** The entries of a tenant. */
  entries(id: number): readonly number[]
  keep(id: number, entries: readonly number[]): void
  digest(entry: number): string
  put(digest: string, id: number): number
  kill(entry: number): void
}

/** An empty table. */
export function directoryTable(capacity: number, moved: (memory: SharedArrayBuffer) => void): DirectoryTable {
  let memory = newDirectoryMemory(capacity, capacity)
  const owned = new Map<number, readonly number[]>()
  // Tombstones are used up as well.
  let [used, live] = [0, 0]

  const rebuild = (entries: number, ids: number): void => {
    const old = memory
    memory = newDirectoryMemory(entries, ids)
    memory.generations.set(old.generations)
    for (const [id, its] of owned)
      owned.set(
        id,
        its.map((entry) => copied(old, entry, memory)),
      )
    used = live
    moved(memory.shared)
  }
  return {
    memory: () => memory,
    live: () => live,
    makeRoom: (id, entries) => {
      const isShort = 3 * (used + entries) > 2 * memory.capacity
      if (id < memory.ids && !isShort) return
      rebuild(isShort ? powerOver(2.5 * (live + entries)) : memory.capacity, id < memory.ids ? memory.ids : powerOver(2 * id))
    },
    entries: (id) => owned.get(id) ?? [],
    keep: (id, entries) => void (entries.length === 0 ? owned.delete(id) : owned.set(id, entries)),
    digest: (entry) => digestAt(memory, entry),
    put: (digest, id) => {
      used++
      live++
      return write(memory, digest, id)
    },
    kill: (entry) => {
      live--
      Atomics.store(memory.states, entry, State.dead)
    },
  }
}

function digestAt({ digests }: DirectoryMemory, entry: number): string {
  // A Buffer over shared memory cannot be made into text.
  return Buffer.from(digests.slice(entry * digestBytes, (entry + 1) * digestBytes)).toString('latin1')
}

function write(memory: DirectoryMemory, digest: string, id: number): number {
  const { states, digests, capacity } = memory
  const at = freeFrom(memory, startOf(digest, capacity))
  for (let k = 0; k < digestBytes; k++) digests[at * digestBytes + k] = digest.charCodeAt(k)
  // The digest stands before the state says so.
  Atomics.store(states, at, id + 1)
  return at
}

/** The same entry in another memory, without a text between: there may be hundreds of thousands. */
function copied(from: DirectoryMemory, entry: number, to: DirectoryMemory): number {
  const digest = from.digests.subarray(entry * digestBytes, (entry + 1) * digestBytes)
  const at = freeFrom(to, firstWord(digest) & (to.capacity - 1))
  to.digests.set(digest, at * digestBytes)
  Atomics.store(to.states, at, from.states[entry] ?? State.dead)
  return at
}

function freeFrom({ states, capacity }: DirectoryMemory, start: number): number {
  let at = start
  while (states[at] !== State.empty) at = (at + 1) & (capacity - 1)
  return at
}

/** As `startOf` has it of a digest's text. */
function firstWord([a = 0, b = 0, c = 0, d = 0]: Uint8Array): number {
  return a | (b << 8) | (c << 16) | (d << 24)
}

function powerOver(least: number): number {
  return 2 ** Math.max(10, Math.ceil(Math.log2(least)))
}
