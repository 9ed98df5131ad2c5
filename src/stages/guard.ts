import { RelayError } from '../base/errors.ts'
import type { Stage } from '../engine/call.ts'
import { hostOf } from '../engine/router.ts'
import { Name } from '../protocol/names.ts'

/**
 * Protects a credential that is injected for whoever can reach the listener: a page in a browser on the same machine can, by DNS
 * rebinding or a plain cross-site request. So Host must name this machine, and an Origin, where one is sent, must be local too.
 */
export function guard(hosts: readonly string[]): Stage {
  const known = new Set(hosts)
  // None at first: '' is what a call without Host (HTTP/1.0) names.
  let lastGood: string | null = null
  return async (call, next) => {
    const { authority, fields } = call.head
    if (authority !== lastGood) {
      if (!known.has(hostOf(authority)))
        throw new RelayError('misdirected', `Host ${authority || '(none)'} is not one that this relay serves a credential for`)
      lastGood = authority
    }
    if (fields.has(Name.origin)) checkOrigin(fields.text(Name.origin)!, known)
    return next(call)
  }
}

function checkOrigin(origin: string, known: ReadonlySet<string>): void {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin)
  if (match === null || !known.has(hostOf(match[1]!)))
    throw new RelayError('forbidden', `Origin ${origin} may not use this relay's credential`)
}
