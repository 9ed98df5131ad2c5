import { RelayError } from '../base/errors.ts'
import type { Call, Stage } from '../engine/call.ts'
import { isExtendedConnect } from '../protocol/upgrade.ts'

/** Refuses a request body of more bytes than `limitFor` says: by its declared length before any work, by its bytes as they come. */
export function bodyLimit(limitFor: (call: Call) => number): Stage {
  return (call, next) => {
    const { body, head } = call
    // What a tunnel carries is no body.
    if (body.length === 0 || isExtendedConnect(head)) return next(call)
    const limit = limitFor(call)
    const tooLarge = (): RelayError => new RelayError('too_large', `the request body has more than the ${limit} bytes allowed here`)
    if (body.length > limit) return Promise.reject(tooLarge())
    if (body.length < 0) body.bound(limit, tooLarge)
    return next(call)
  }
}
