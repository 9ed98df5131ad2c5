/**
 * The shared directory: whose key is this? A hash table of digests in one SharedArrayBuffer, written by control alone and read by every
 * worker without a lock. An entry is published by one store of its state after its digest stands, and its digest never changes again: a
 * removed entry becomes a tombstone that is not used for another key as long as this memory lives, so a reader can never see one half of
 * an entry and one half of the next. What gathers of tombstones goes when the table is rebuilt into another memory.
 */
export interface DirectoryMemory {
  readonly shared: SharedArrayBuffer
  /** Entries, a power of two. */
  readonly capacity: number
  /** Tenants' ids go from 0 to below this. */
  readonly ids: number
  /** An entry's state: `State`, or 1 + the id of the tenant. */
  readonly states: Int32Array
  readonly digests: Uint8Array
  /** By id: counts the changes of what the tenant is. */
  readonly generations: Int32Array
}

/** What an entry's state is where it is no tenant's. */
export const State = { empty: 0, dead: -1 } as const

/** Bytes of a digest. */
export const digestBytes = 32

const headWords = 2

/** A new memory, with room for so many entries and ids. */
export function newDirectoryMemory(capacity: number, ids: number): DirectoryMemory {
  const shared = new SharedArrayBuffer(headWords * 4 + capacity * (4 + digestBytes) + ids * 4)
  const head = new Int32Array(shared, 0, headWords)
  head.set([capacity, ids])
  return directoryMemory(shared)
}

/** The views of a memory. */
export function directoryMemory(shared: SharedArrayBuffer): DirectoryMemory {
  const [capacity = 0, ids = 0] = new Int32Array(shared, 0, headWords)
  const states = headWords * 4
  const generations = states + capacity * 4
  const digests = generations + ids * 4
  return {
    shared,
    capacity,
    ids,
    states: new Int32Array(shared, states, capacity),
    generations: new Int32Array(shared, generations, ids),
    digests: new Uint8Array(shared, digests, capacity * digestBytes),
  }
}

/** Where the search for a digest begins: its bytes are as good as random already. */
export function startOf(digest: string, capacity: number): number {
  const bits = digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16) | (digest.charCodeAt(3) << 24)
  return bits & (capacity - 1)
}

/** The live entry of a digest; -1: there is none. */
export function entryOf({ states, digests, capacity }: DirectoryMemory, digest: string): number {
  const mask = capacity - 1
  let at = startOf(digest, capacity)
  for (let looked = 0; looked < capacity; looked++) {
    const state = Atomics.load(states, at)
    if (state === State.empty) return -1
    if (state !== State.dead && isDigestAt(digests, at, digest)) return at
    at = (at + 1) & mask
  }
  return -1
}

function isDigestAt(digests: Uint8Array, at: number, digest: string): boolean {
  const from = at * digestBytes
  for (let k = 0; k < digestBytes; k++) if (digests[from + k] !== digest.charCodeAt(k)) return false
  return true
}
