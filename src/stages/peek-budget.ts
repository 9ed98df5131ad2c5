/** Bytes that all workers together hold of bodies whose beginning is being read: a word a worker in shared memory. */
export interface PeekBudget {
  /** Takes so many bytes on behalf of a tenant ('': of none); false: there are not so many left, or it has its share of them. */
  take(bytes: number, tenant?: string): boolean
  give(bytes: number, tenant?: string): void
}

/** The shared memory for so many workers, and so many bytes in all (at most 1 GiB), of which one body may hold `most`. */
export function peekMemory(workers: number, bound: number, most = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((workers + first) * 4)
  setPeekBound(memory, bound, most)
  return memory
}

/** Another bound, from now on: what is held stays. */
export function setPeekBound(memory: SharedArrayBuffer, bound: number, most: number): void {
  const words = new Int32Array(memory)
  Atomics.store(words, boundWord, Math.min(bound, 2 ** 30 - 1))
  Atomics.store(words, mostWord, most)
}

/**
 * The budget as one worker spends it: it alone writes its word. One tenant's slow uploads, or calls that wait in a queue, hold a quarter of
 * it at most, in each worker its part of that (and always room for one body): the rest is there for the others.
 */
export function peekBudget(memory: SharedArrayBuffer, worker: number): PeekBudget {
  const words = new Int32Array(memory)
  const own = worker + first
  const share = (): number => Math.max(words[mostWord]!, Math.floor(words[boundWord]! / (4 * (words.length - first))))
  const held = shares()
  return {
    take(bytes, tenant = '') {
      if (bytes > words[boundWord]! || (tenant !== '' && held.of(tenant) + bytes > share())) return false
      // Its own word first, then the sum: two that take at once may both be refused, but never both get the last bytes.
      Atomics.add(words, own, bytes)
      let left = words[boundWord]!
      for (let k = first; k < words.length; k++) left -= Atomics.load(words, k)
      if (left >= 0) {
        held.add(tenant, bytes)
        return true
      }
      Atomics.sub(words, own, bytes)
      return false
    },
    give(bytes, tenant = '') {
      Atomics.sub(words, own, bytes)
      held.add(tenant, -bytes)
    },
  }
}

/** What tenants hold in this worker: those that hold anything. */
function shares(): { of(tenant: string): number; add(tenant: string, bytes: number): void } {
  const held = new Map<string, number>()
  return {
    of: (tenant) => held.get(tenant) ?? 0,
    add: (tenant, bytes) => {
      if (tenant === '' || bytes === 0) return
      const now = (held.get(tenant) ?? 0) + bytes
      if (now > 0) held.set(tenant, now)
      else held.delete(tenant)
    },
  }
}

/** A worker has died: what it held is free again. */
export function forgetPeeks(memory: SharedArrayBuffer, worker: number): void {
  Atomics.store(new Int32Array(memory), worker + first, 0)
}

/** The bytes that are held now, of all workers. */
export function peekedBytes(memory: SharedArrayBuffer): number {
  return new Int32Array(memory).subarray(first).reduce((sum, bytes) => sum + bytes, 0)
}

const boundWord = 0
const mostWord = 1
/** The first worker's word. */
const first = 2
