/** Bytes that all workers together hold of bodies whose beginning is being read: a word a worker in shared memory. */
export interface PeekBudget {
  /** Takes so many bytes; false: there are not so many left. */
  take(bytes: number): boolean
  give(bytes: number): void
}

/** The shared memory for so many workers, and so many bytes in all (at most 1 GiB). */
export function peekMemory(workers: number, bound: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((workers + 1) * 4)
  new Int32Array(memory)[0] = Math.min(bound, 2 ** 30 - 1)
  return memory
}

/** The budget as one worker spends it: it alone writes its word. */
export function peekBudget(memory: SharedArrayBuffer, worker: number): PeekBudget {
  const words = new Int32Array(memory)
  const own = worker + 1
  return {
    take(bytes) {
      if (bytes > words[0]!) return false
      // Its own word first, then the sum: two that take at once may both be refused, but never both get the last bytes.
      Atomics.add(words, own, bytes)
      let left = words[0]!
      for (let k = 1; k < words.length; k++) left -= Atomics.load(words, k)
      if (left >= 0) return true
      Atomics.sub(words, own, bytes)
      return false
    },
    give: (bytes) => void Atomics.sub(words, own, bytes),
  }
}

/** A worker has died: what it held is free again. */
export function forgetPeeks(memory: SharedArrayBuffer, worker: number): void {
  Atomics.store(new Int32Array(memory), worker + 1, 0)
}

/** The bytes that are held now, of all workers. */
export function peekedBytes(memory: SharedArrayBuffer): number {
  return new Int32Array(memory).subarray(1).reduce((sum, bytes) => sum + bytes, 0)
}
