import { RelayError } from '../base/errors.ts'
import type { Stage } from '../engine/call.ts'

/** How the worker is doing, and who is told of each call that is refused for its sake. */
export interface ShedOptions {
  readonly load: { readonly isOverloaded: boolean }
  readonly shed: () => void
}

/** Refuses calls, before any work is done for them, while the worker cannot keep up with those it has. */
export function shed(options: ShedOptions): Stage {
  const { load } = options
  return (call, next) => {
    if (!load.isOverloaded) return next(call)
    options.shed()
    return Promise.reject(new RelayError('overloaded', 'relay has more to do than it can: try again', { retryAfterMs, shouldRetry: true }))
  }
}

const retryAfterMs = 1000
