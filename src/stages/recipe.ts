import type { Log } from '../base/log.ts'
import { bodyLimit as endpointLimit, firstByteTimeout } from '../claude/endpoints.ts'
import { compose, type Next, type Stage } from '../engine/call.ts'
import type { Pool } from '../engine/pool.ts'
import type { PathPattern } from '../engine/router.ts'
import type { Sweep } from '../engine/sweep.ts'
import type { Column } from '../metrics/column.ts'
import { aim, outgoingPath } from './aim.ts'
import { bodyLimit } from './body-limit.ts'
import { credential, type CredentialOptions } from './credential.ts'
import { deadline } from './deadline.ts'
import { forwarded } from './forwarded.ts'
import { guard } from './guard.ts'
import { headers, type HeaderRule } from './headers.ts'
import { meter } from './meter.ts'
import { observe } from './observe.ts'
import { ping } from './ping.ts'
import { send } from './send.ts'

/** All that a route's stages need to know. Times in ms, sizes in bytes. */
export interface Ingredients {
  readonly column: Column
  readonly log: Log | null
  readonly sweep: Sweep
  readonly pool: Pool
  readonly kind: 'claude' | 'http'
  readonly path: PathPattern
  readonly rewrite: string | null
  readonly base: string
  readonly guardedHosts: readonly string[] | null
  /** null: by endpoint on Claude upstreams, `defaultBodyLimit` elsewhere. */
  readonly bodyLimit: number | null
  readonly defaultBodyLimit: number
  readonly firstByteMs: number
  readonly idleMs: number
  readonly forwards: boolean
  readonly requestHeaders: readonly HeaderRule[]
  readonly replyHeaders: readonly HeaderRule[]
  /** null: the caller's own passes. */
  readonly credential: CredentialOptions | null
  readonly asksIdentity: boolean
  readonly pingMs: number | null
}

/** The product on one screen: what happens to a call, outermost first. A stage that a route does not use is not in its list. */
export function recipe(use: Ingredients): Next {
  const isClaude = use.kind === 'claude'
  const stages: (Stage | null)[] = [
    // Counts and logs every call once, at its end: it sees what all the others do.
    observe({ column: use.column, log: use.log }),
    // Before any work: a page in a browser must not spend an injected credential.
    use.guardedHosts === null ? null : guard(use.guardedHosts),
    // What the path becomes decides what the upstream's endpoint allows.
    aim({ path: use.path, rewrite: use.rewrite, base: use.base }),
    // A body that is too large is refused before it is uploaded.
    bodyLimit((call) => use.bodyLimit ?? (isClaude ? endpointLimit(outgoingPath(call)) : null) ?? use.defaultBodyLimit),
    // Every wait has an end; a stream as a whole has none.
    deadline({ firstByteMs: use.firstByteMs, idleMs: use.idleMs, fromCaller: isClaude ? firstByteTimeout : null }),
    // What callers say of those in front of them is believed from trusted proxies only.
    forwarded(use.forwards),
    // The operator's own changes to heads.
    use.requestHeaders.length + use.replyHeaders.length === 0 ? null : headers(use.requestHeaders, use.replyHeaders),
    // Behind the rules, so that none of them can leak the upstream's credential or lose it.
    use.credential === null ? null : credential(use.credential),
    // Usage is read where the reply is still the upstream's own.
    isClaude ? meter({ asksIdentity: use.asksIdentity }) : null,
    // Innermost, so that no other stage takes a ping for the upstream's.
    use.pingMs === null ? null : ping(use.pingMs, use.sweep),
  ]
  return compose(
    stages.filter((stage) => stage !== null),
    send(use.pool),
  )
}
