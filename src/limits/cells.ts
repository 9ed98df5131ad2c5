/**
 * The buckets in shared memory, one cell each, spent by all workers without a lock. A cell's words are doubles that change by
 * compare-and-swap of their bits (an Int64 view of the same memory), so that arithmetic stays in doubles and no update is lost. What
 * belongs to one worker's open calls (permits of a concurrency limit, money reserved on a budget) stands in that worker's own column
 * with it as the only writer: when it dies, control zeroes the column, and all that it held is free again. A rate's column counts the
 * open calls that have yet to settle on it: a cell that anybody holds is never given to another key.
 *
 * Every read and write is sequentially consistent. Two workers that both add to their columns and then read all of them cannot both
 * miss the other's: that is what keeps a concurrency limit and a budget without a lock.
 */
export interface Cells {
  readonly layout: CellsLayout
  read(slot: number, word: number): number
  write(slot: number, word: number, value: number): void
  /** Writes `next` where `before` still stands; false: somebody else was faster. */
  swap(slot: number, word: number, before: number, next: number): boolean
  /** Adds, whoever else does. */
  add(slot: number, word: number, amount: number): void
  /** Adds to this worker's column; less than 0 lets go. Control has no column and may not. */
  hold(slot: number, amount: number): void
  /** What all workers hold. */
  held(slot: number): number
  /** Makes a cell and its columns zero, for another key. Control's alone. */
  clear(slot: number): void
  /** Lets go of all that a worker held. Control's alone: after its thread has exited, and before another takes its place. */
  workerDied(index: number): void
}

/** How large the memory is. */
export interface CellsLayout {
  readonly workers: number
  readonly slots: number
}

/** Words of a cell, 8 bytes each. */
export const Word = {
  /** A rate: when the bucket is full again (µs of the process's clock). A budget: what has been spent (nano-dollars). */
  level: 0,
  /** Leased limits: what the process holds and no call has taken. */
  leased: 1,
  /** Refused locally until then (µs of the process's clock). */
  deniedUntil: 2,
  /** When it was last asked (µs of the process's clock), to a second. */
  usedAt: 3,
  /** Leased concurrency and budgets: what the process has been granted in all. */
  granted: 4,
  /** A budget: when its period ends (wall clock, ms). 0: the bucket has no period. */
  endsAt: 5,
  /** A rate: how long an empty bucket takes to be full, as the limit was bound last (µs). 0: not yet. */
  window: 5,
} as const

/** Words a cell takes: one cache line. */
const cellWords = 8

/** Words before the first cell: how many workers and slots there are. */
const headWords = 8

/** The shared memory for so many workers and slots: cells first, then a column of held amounts for each worker. */
export function cellsMemory({ workers, slots }: CellsLayout): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((headWords + slots * cellWords + workers * slots) * 8)
  new Float64Array(memory).set([workers, slots])
  return memory
}

/** The cells of a memory, as a worker (by its index) or as control (null) sees them. */
export function openCells(memory: SharedArrayBuffer, worker: number | null): Cells {
  const layout = layoutIn(memory)
  if (worker !== null && !(worker >= 0 && worker < layout.workers)) {
    throw new RangeError(`worker ${worker} has no column, there are ${layout.workers}`)
  }
  const bits = new BigInt64Array(memory)
  const columns = headWords + layout.slots * cellWords
  return { layout, ...wordsOf(bits), ...columnsOf(bits, layout, worker), ...keepingOf(bits, layout, columns) }
}

function layoutIn(memory: SharedArrayBuffer): CellsLayout {
  const [workers = 0, slots = 0] = new Float64Array(memory, 0, 2)
  return { workers, slots }
}

function wordsOf(bits: BigInt64Array<SharedArrayBuffer>): Pick<Cells, 'read' | 'write' | 'swap' | 'add'> {
  // One number, seen as a double and as its bits: the way from one to the other that allocates nothing.
  const double = new Float64Array(2)
  const raw = new BigInt64Array(double.buffer)

  return {
    read: (slot, word) => {
      raw[0] = Atomics.load(bits, headWords + slot * cellWords + word)
      return at0(double)
    },
    write: (slot, word, value) => {
      double[0] = value + 0
      Atomics.store(bits, headWords + slot * cellWords + word, raw0(raw))
    },
    swap: (slot, word, before, next) => {
      // -0 has bits of its own: adding 0 makes it 0, so that a value equal to `before` always has the bits of `before`.
      double[0] = before + 0
      double[1] = next + 0
      const seen = raw0(raw)
      return Atomics.compareExchange(bits, headWords + slot * cellWords + word, seen, raw1(raw)) === seen
    },
    add: (slot, word, amount) => {
      const place = headWords + slot * cellWords + word
      for (;;) {
        const seen = Atomics.load(bits, place)
        raw[0] = seen
        double[0] = at0(double) + amount + 0
        if (Atomics.compareExchange(bits, place, seen, raw0(raw)) === seen) return
      }
    },
  }
}

function columnsOf(bits: BigInt64Array<SharedArrayBuffer>, layout: CellsLayout, worker: number | null): Pick<Cells, 'hold' | 'held'> {
  const { workers, slots } = layout
  const columns = headWords + slots * cellWords
  const end = columns + workers * slots
  const double = new Float64Array(1)
  const raw = new BigInt64Array(double.buffer)

  return {
    hold: (slot, amount) => {
      if (worker === null) throw new Error('control holds nothing: it has no column')
      const place = columns + worker * slots + slot
      raw[0] = Atomics.load(bits, place)
      double[0] = at0(double) + amount + 0
      Atomics.store(bits, place, raw0(raw))
    },
    held: (slot) => {
      let sum = 0
      for (let place = columns + slot; place < end; place += slots) {
        raw[0] = Atomics.load(bits, place)
        sum += at0(double)
      }
      return sum
    },
  }
}

function keepingOf(bits: BigInt64Array<SharedArrayBuffer>, layout: CellsLayout, columns: number): Pick<Cells, 'clear' | 'workerDied'> {
  const { workers, slots } = layout
  return {
    clear: (slot) => {
      const cell = headWords + slot * cellWords
      for (let word = 0; word < cellWords; word += 1) Atomics.store(bits, cell + word, 0n)
      for (let index = 0; index < workers; index += 1) Atomics.store(bits, columns + index * slots + slot, 0n)
    },
    workerDied: (index) => {
      const column = columns + index * slots
      for (let slot = 0; slot < slots; slot += 1) Atomics.store(bits, column + slot, 0n)
    },
  }
}

// Typed arrays of a fixed length: the place is always there.
function at0(double: Float64Array): number {
  return double[0] ?? 0
}

function raw0(raw: BigInt64Array): bigint {
  return raw[0] ?? 0n
}

function raw1(raw: BigInt64Array): bigint {
  return raw[1] ?? 0n
}
