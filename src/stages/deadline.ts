import type { Stage } from '../engine/call.ts'
import { Name } from '../protocol/names.ts'

/** Waits on the upstream, in ms, and how a caller's own timeout (`x-stainless-timeout`, seconds as text) changes the first. */
export interface DeadlineOptions {
  readonly firstByteMs: number
  readonly idleMs: number
  readonly fromCaller: ((text: string | null) => number | null) | null
}

/** Sets how long a call may wait for its reply's head and between two reads of its body. There is no limit on a whole call. */
export function deadline({ firstByteMs, idleMs, fromCaller }: DeadlineOptions): Stage {
  return (call, next) => {
    const { fields } = call.head
    const asked = fromCaller !== null && fields.has(Name.stainlessTimeout) ? fromCaller(fields.text(Name.stainlessTimeout)) : null
    call.firstByteMs = asked ?? firstByteMs
    call.idleMs = idleMs
    return next(call)
  }
}
