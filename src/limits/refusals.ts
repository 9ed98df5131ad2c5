import { heldWaitMs } from './memory/kind.ts'
import type { Bucket, Refused, Verdict } from './store.ts'

/** What a call is told in place of `taken`. */
export type Stopped = Exclude<Verdict, { is: 'taken' }>

/** Of two refusals, the one with the longer wait. */
export function longer(known: Stopped | null, next: Refused): Stopped {
  if (known?.is !== 'refused') return next
  return waitOf(next) > waitOf(known) ? next : known
}

/** Others were faster, time and again: there is nearly nothing left. */
export function busy(at: number, { limit }: Bucket): Refused {
  switch (limit.kind) {
    case 'concurrency':
      return { is: 'refused', at, why: 'concurrency', retryAfterMs: heldWaitMs }
    case 'budget':
      return { is: 'refused', at, why: 'held', retryAfterMs: heldWaitMs }
    case 'requests':
    case 'input_tokens':
    case 'output_tokens':
      return { is: 'refused', at, why: 'rate', retryAfterMs: 50 }
  }
}

function waitOf({ retryAfterMs }: Refused): number {
  return retryAfterMs < 0 ? Infinity : retryAfterMs
}
