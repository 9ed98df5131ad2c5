/** How a body, and with it a call, came to its one end. */
export type BodyEnd = 'done' | 'cancelled' | 'upstream_failed' | 'timed_out' | 'drained' | 'failed'

/** Every end, in the order of `endIndex`. */
export const bodyEnds: readonly BodyEnd[] = ['done', 'cancelled', 'upstream_failed', 'timed_out', 'drained', 'failed']

/** Place of an end in `bodyEnds`, found by comparing pointers: this runs once a call. */
export function endIndex(end: BodyEnd): number {
  switch (end) {
    case 'done':
      return 0
    case 'cancelled':
      return 1
    case 'upstream_failed':
      return 2
    case 'timed_out':
      return 3
    case 'drained':
      return 4
    case 'failed':
      return 5
  }
}
