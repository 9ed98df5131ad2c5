import { RelayError } from '../base/errors.ts'
import type { Stage } from '../engine/call.ts'
import { hostOf } from '../engine/router.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'

/**
 * Protects a credential that is injected for whoever can reach the listener: a page in a browser on the same machine can, by DNS
 * rebinding or a plain cross-site request. So Host must name this machine, an Origin, where one is sent, must be local too, and a browser
 * that says without one that another site asks (an image, a link) is refused.
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
    else if (fields.count > 0 && isCrossSite(fields))
      throw new RelayError('forbidden', "a page of another site may not use this relay's credential")
    return next(call)
  }
}

/** `Sec-Fetch-Site: cross-site`, found by its length first. */
function isCrossSite(fields: Head): boolean {
  for (let k = 0; k < fields.count; k++) {
    if (fields.nameEnd(k) - fields.lineStart(k) === fetchSite.length && fields.name(k) === fetchSite)
      return fields.value(k) === 'cross-site'
  }
  return false
}

const fetchSite = 'sec-fetch-site'

function checkOrigin(origin: string, known: ReadonlySet<string>): void {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin)
  if (match === null || !known.has(hostOf(match[1]!)))
    throw new RelayError('forbidden', `Origin ${origin} may not use this relay's credential`)
}
