import type { Stage } from '../engine/call.ts'

/** Reads replies to their end when their callers leave, so that what they used is known exactly: for routes that say `drain`. */
export function drainOnLeave(): Stage {
  return (call, next) => {
    call.drains = true
    return next(call)
  }
}
