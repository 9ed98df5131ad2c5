import type { Stage } from '../engine/call.ts'
import type { RateHeaders } from './rate-headers.ts'
import { Reservation } from './reservation.ts'

/** Tells callers how their limits stand, in the place of what the upstream says of a key that is not theirs. */
export function limitHeaders(write: RateHeaders): Stage {
  return async (call, next) => {
    const reply = await next(call)
    const { reserved, tenant } = call
    const lines = reserved instanceof Reservation ? write(reserved.set, tenant !== null) : null
    if (lines !== null || tenant !== null) reply.edits.removePrefix(upstreams)
    if (lines !== null) reply.edits.line(lines)
    return reply
  }
}

const upstreams = Buffer.from('anthropic-ratelimit-')
