import type { Next } from '../engine/call.ts'
import type { Pool } from '../engine/pool.ts'

/** Sends a call to its upstream: the innermost step. */
export function send(pool: Pool): Next {
  return (call) => pool.dispatch(call)
}
