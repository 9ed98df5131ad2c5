/** What control tells the limiters of all workers, in one shared memory: control writes, workers read. */
export interface LimitShared {
  /** Nodes that share the limits, itself among them. */
  nodes: number
  /** Whether Redis is away, as control sees it. */
  isAway: boolean
  /** µs of the process's clock: what the process holds of leased buckets lapses then, unless it is renewed before. */
  leasesUntil: number
}

/** The memory that `limitShared` opens. */
export function limitSharedMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(3 * 8)
  new Float64Array(memory)[0] = 1
  return memory
}

/** The shared state in this memory. Each number has one writer, and is a word that is written whole. */
export function limitShared(memory: SharedArrayBuffer): LimitShared {
  const words = new Float64Array(memory)
  return {
    get nodes() {
      return words[0] ?? 1
    },
    set nodes(count) {
      words[0] = Math.max(1, count)
    },
    get isAway() {
      return words[1] === 1
    },
    set isAway(is) {
      words[1] = is ? 1 : 0
    },
    get leasesUntil() {
      return words[2] ?? 0
    },
    set leasesUntil(us) {
      words[2] = us
    },
  }
}
