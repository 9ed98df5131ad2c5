import { keyParts } from './bucket.ts'
import { Word, type Cells } from './cells.ts'
import { idleness, type IdleOptions } from './idle.ts'
import { slotBook, type SlotBook } from './slot-book.ts'

/**
 * Control's side of the cells: which key has which slot. A key has one as long as any worker may hold it. A cell is freed in two phases:
 * it is a candidate when nobody has asked for it or taken from it for a while, nobody holds anything of it, and it says nothing that an
 * empty one would not (a full bucket, a period that is over); then all workers forget their slots; and only when it still looks so is
 * it given to another key. A budget of the current period is never freed, so that no money is forgotten.
 */
export interface SlotAllocator {
  /** The slots of these keys, in their order; -1: there is no room, or it could not be found out what the budget has spent. */
  slotsOf(keys: readonly string[]): Promise<readonly number[]>
  /**
   * Frees what is idle, once more than half of the cells are in use: resolves with how many. `everyoneForgets` resolves when each worker
   * has forgotten all its slots; when it rejects, nothing is freed. While a sweep is under way another frees nothing.
   */
  sweep(everyoneForgets: () => Promise<void>): Promise<number>
  /** More was spent of these budgets, by their keys, than workers have said: nano-dollars. */
  addSpent(amounts: ReadonlyMap<string, number>): void
  /** Slots that keys have. */
  readonly used: number
}

/** What the allocator needs beside its cells. */
export interface SlotAllocatorOptions extends IdleOptions {
  /** What has been spent of a new bucket of a budget, in nano-dollars: stands in its cell before anybody takes. */
  readonly spent?: (key: string) => Promise<number>
  /** A cell was freed: what is known of its key is over. */
  readonly onFreed?: (slot: number, key: string) => void
}

/** The slots of a process. */
export function slotAllocator(cells: Cells, options: SlotAllocatorOptions): SlotAllocator {
  const { clock, spent } = options
  const book = slotBook(cells.layout.slots, clock.us)
  // Budgets whose spending is being looked up: as many as there are open questions.
  const coming = new Map<string, Promise<number>>()
  let isSweeping = false

  async function slotOf(key: string): Promise<number> {
    return book.find(key) ?? coming.get(key) ?? newSlot(key)
  }

  async function newSlot(key: string): Promise<number> {
    const slot = book.draw()
    if (slot === -1) return -1
    if (spent === undefined || keyParts(key).day === null) return book.give(slot, key)
    const filled = fill(slot, key, spent)
    coming.set(key, filled)
    // It never rejects.
    void filled.then(() => coming.delete(key))
    return filled
  }

  async function fill(slot: number, key: string, spent: (key: string) => Promise<number>): Promise<number> {
    try {
      putSpent(cells, slot, await spent(key))
      return book.give(slot, key)
    } catch {
      // Whoever knows what was spent has said why not. An empty bucket in its place would spend the money twice.
      book.putBack(slot)
      return -1
    }
  }

  return {
    slotsOf: async (keys) => Promise.all(keys.map(slotOf)),
    sweep: async (everyoneForgets) => {
      if (isSweeping || book.used * 2 <= cells.layout.slots) return 0
      isSweeping = true
      try {
        return await freeIdle({ cells, book, options, everyoneForgets })
      } finally {
        isSweeping = false
      }
    },
    addSpent: (amounts) => addSpent(cells, book, amounts),
    get used() {
      return book.used
    },
  }
}

/** A budget that nobody has asked for yet is read from the ledger, where the amount stands already. */
function addSpent(cells: Cells, book: SlotBook, amounts: ReadonlyMap<string, number>): void {
  for (const [key, amount] of amounts) {
    const slot = book.peek(key)
    if (slot !== undefined) cells.add(slot, Word.level, amount)
  }
}

interface Sweep {
  readonly cells: Cells
  readonly book: SlotBook
  readonly options: SlotAllocatorOptions
  readonly everyoneForgets: () => Promise<void>
}

async function freeIdle({ cells, book, options, everyoneForgets }: Sweep): Promise<number> {
  const isCandidate = idleness(cells, book.askedAt, options)
  const candidates = [...book.entries()].filter(([slot, key]) => isCandidate(slot, key))
  if (candidates.length === 0) return 0
  await everyoneForgets()
  const isIdle = idleness(cells, book.askedAt, options)
  const freed = candidates.filter(([slot, key]) => isIdle(slot, key))
  for (const [slot, key] of freed) {
    cells.clear(slot)
    book.putBack(slot)
    options.onFreed?.(slot, key)
  }
  return freed.length
}

/** Where the budget is in Redis, Redis knows of this money: a lease tells only what is spent beyond. */
function putSpent(cells: Cells, slot: number, nanoUsd: number): void {
  cells.write(slot, Word.granted, nanoUsd)
  cells.write(slot, Word.level, nanoUsd)
}
