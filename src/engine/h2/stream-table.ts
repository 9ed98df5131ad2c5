/**
 * The open streams of a session by their numbers: a few at once out of very many one after the other. A `Map` would do, but for its
 * garbage: each time it makes room anew, its old table keeps what was in it and points to the next table, and once one of them has
 * grown old, all streams from then on outlive their calls until the next full collection (half of what a call costs).
 */
export class StreamTable<S extends { readonly id: number }> {
  size = 0
  /** Open addressing: a stream stands at its number's place, or at the next free one behind. */
  private slots: (S | null)[] = emptySlots(16)

  get(id: number): S | undefined {
    const { slots } = this
    const mask = slots.length - 1
    for (let k = placeOf(id) & mask; ; k = (k + 1) & mask) {
      const stream = slots[k]!
      if (stream === null) return undefined
      if (stream.id === id) return stream
    }
  }

  add(stream: S): void {
    if (2 * this.size >= this.slots.length) this.grow()
    this.put(stream)
    this.size++
  }

  /** Takes a stream out, and lets those behind it close up. */
  delete(id: number): void {
    const { slots } = this
    const mask = slots.length - 1
    let gap = placeOf(id) & mask
    for (; ; gap = (gap + 1) & mask) {
      const stream = slots[gap]!
      if (stream === null) return
      if (stream.id === id) break
    }
    this.size--
    for (let k = (gap + 1) & mask; slots[k] !== null; k = (k + 1) & mask) {
      const stream = slots[k]!
      const place = placeOf(stream.id) & mask
      // It may move to the gap unless its own place lies between the two.
      if (((k - place) & mask) < ((k - gap) & mask)) continue
      slots[gap] = stream
      gap = k
    }
    slots[gap] = null
  }

  /** All of them, as they are now. */
  values(): S[] {
    return this.slots.filter((stream) => stream !== null)
  }

  private put(stream: S): void {
    const { slots } = this
    const mask = slots.length - 1
    let k = placeOf(stream.id) & mask
    while (slots[k] !== null) k = (k + 1) & mask
    slots[k] = stream
  }

  private grow(): void {
    const all = this.values()
    this.slots = emptySlots(2 * this.slots.length)
    for (const stream of all) this.put(stream)
  }
}

/** Those that clients open have odd numbers. */
function placeOf(id: number): number {
  return id >>> 1
}

function emptySlots(count: number): null[] {
  return Array.from({ length: count }, () => null)
}
