import type { Next } from '../engine/call.ts'
import type { Dispatcher } from '../engine/pool-options.ts'

/** Sends a call to its upstream: the innermost step. */
export function send(pool: Dispatcher): Next {
  return (call) => pool.dispatch(call)
}
