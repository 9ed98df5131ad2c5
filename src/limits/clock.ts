/** The two times that limits know. */
export interface Clock {
  /** µs that only ever grow, the same in all threads of the process: what rates are counted by. */
  readonly us: () => number
  /** Unix time, ms: only for the calendar periods of budgets. It may jump. */
  readonly wallMs: () => number
}

/** The clock of this process. */
export function processClock(): Clock {
  const offset = offsetUs()
  return { us: () => offset + performance.now() * 1000, wallMs: Date.now }
}

/**
 * `performance.now()` counts from its thread's start, `process.hrtime()` from one moment for all threads; both are the same clock. A
 * thread that loses its core between the two readings would be off for ever, so the closest pair of several is taken.
 */
function offsetUs(): number {
  let best = { gap: Infinity, offset: 0 }
  for (let turn = 0; turn < 8; turn += 1) {
    const before = process.hrtime.bigint()
    const here = performance.now() * 1000
    const gap = Number(process.hrtime.bigint() - before) / 1000
    if (gap < best.gap) best = { gap, offset: Number(before) / 1000 + gap / 2 - here }
  }
  return best.offset
}
