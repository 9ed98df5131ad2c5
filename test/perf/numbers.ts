/** The middle of some numbers, those that are none left out; NaN where nothing is left. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted.length === 0 ? NaN : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A growing column of measured values. */
export class Column {
  private values = new Float64Array(4096)
  private count = 0

  add(value: number): void {
    if (this.count === this.values.length) {
      const wider = new Float64Array(this.count * 2)
      wider.set(this.values)
      this.values = wider
    }
    this.values[this.count++] = value
  }

  get size(): number {
    return this.count
  }

  /** The value below which so many percent lie; NaN where there are none. */
  percentile(percent: number): number {
    if (this.count === 0) return NaN
    const sorted = this.values.slice(0, this.count).sort()
    return sorted[Math.max(0, Math.ceil((percent / 100) * this.count) - 1)]!
  }

  clear(): void {
    this.count = 0
  }
}

/** Waits so many ms. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
