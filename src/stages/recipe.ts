import type { Tenants } from '../auth/tenants.ts'
import type { Log } from '../base/log.ts'
import type { Used } from '../base/tokens.ts'
import { bodyLimit as endpointLimit, firstByteTimeout } from '../claude/endpoints.ts'
import { compose, type Call, type Next, type Stage } from '../engine/call.ts'
import type { Dispatcher } from '../engine/pool-options.ts'
import type { PathPattern } from '../engine/router.ts'
import type { Sweep } from '../engine/sweep.ts'
import type { Column } from '../metrics/column.ts'
import { aim, outgoingPath } from './aim.ts'
import { authenticate, withhold } from './authenticate.ts'
import { bodyLimit } from './body-limit.ts'
import { countTokens } from './count-tokens.ts'
import { credential, type CredentialOptions } from './credential.ts'
import { deadline } from './deadline.ts'
import { expectByCount } from './expect-by-count.ts'
import { forwarded } from './forwarded.ts'
import { guard } from './guard.ts'
import { headers, type HeaderRule } from './headers.ts'
import { limitHeaders } from './limit-headers.ts'
import type { LimitOptions } from './limit-options.ts'
import { limit } from './limit.ts'
import { meter } from './meter.ts'
import { models } from './models.ts'
import { observe } from './observe.ts'
import { drainOnLeave } from './on-leave.ts'
import { onlyFor } from './only-for.ts'
import type { PeekOptions } from './peek-rules.ts'
import { peek } from './peek.ts'
import { ping } from './ping.ts'
import { reach } from './reach.ts'
import { record, type RecordOptions } from './record.ts'
import { refuse } from './refuse.ts'
import { send } from './send.ts'
import { outwards, telling, translating, type Translation } from './translation.ts'
import { upgrade } from './upgrade.ts'
import { shed, type ShedOptions } from './shed.ts'

/** All that a route's stages need to know. Times in ms, sizes in bytes. */
export interface Ingredients {
  readonly column: Column
  readonly log: Log | null
  readonly sweep: Sweep
  readonly pool: Dispatcher
  readonly kind: 'claude' | 'http' | 'grpc'
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
  /** null: calls go on; else they are answered with 400 and this. */
  readonly refusal: string | null
  /** What callers may go on with behind a 101. */
  readonly upgrades: readonly string[]
  /** What callers say in other terms than the upstream's. */
  readonly translation: Translation
  /** null: calls are never refused for the worker's own sake. */
  readonly load: ShedOptions['load'] | null
  /** Who may call; null: nobody is asked for a key. */
  readonly tenants: Tenants | null
  /** Whether keys of tenants may come all the same. */
  readonly withholdsKeys: boolean
  /** Whether tenants share the upstream's credential. */
  readonly isShared: boolean
  /** What is read of bodies; null: nothing. */
  readonly peek: PeekUse | null
  /** null: nothing is limited or written down. */
  readonly limiting: LimitOptions | null
  /** Has the upstream count the input of a call before it goes out; this guesses where it cannot. null: nobody counts. */
  readonly countsElse: ((call: Call) => Used) | null
  /** null: nobody's calls are settled, and no tenant's counted. */
  readonly recording: RecordOptions | null
  /** When their callers leave, replies are read to their end. */
  readonly drainsOnLeave: boolean
}

/** What is read of bodies, and of whose. */
export interface PeekUse extends PeekOptions {
  readonly isFor: (call: Call) => boolean
}

/** The product on one screen: what happens to a call, outermost first. A stage that a route does not use is not in its list. */
export function recipe(use: Ingredients): Next {
  const isClaude = use.kind === 'claude'
  const isRest = use.translation.is === 'to_json'
  const outward = outwardStages(use)
  const limiting = limitingOf(use, outward)
  const stages: (Stage | null)[] = [
    ...entranceStages(use),
    // What the path becomes decides what the upstream's endpoint allows.
    aim({ path: use.path, rewrite: use.rewrite, base: use.base }),
    // What a tenant may not call it is told before it has sent anything.
    use.tenants === null ? null : reach({ ...use, isShared: use.isShared && !isRest, takesChats: use.translation.is === 'openai' }),
    // What nobody serves is told to those who may call, before they have sent anything.
    use.refusal === null ? null : refuse(use.refusal),
    // A body that is too large is refused before it is uploaded.
    bodyLimit((call) => use.bodyLimit ?? (isClaude ? endpointLimit(outgoingPath(call)) : null) ?? use.defaultBodyLimit),
    // Every wait has an end; a stream as a whole has none.
    deadline({ firstByteMs: use.firstByteMs, idleMs: use.idleMs, fromCaller: isClaude ? firstByteTimeout : null }),
    // A tunnel is asked for before anything is made of the call.
    use.upgrades.length === 0 ? null : upgrade({ protocols: use.upgrades }),
    // What follows sees a call in its upstream's own words.
    ...translating(use.translation, use.sweep),
    // Where a call goes that came as gRPC shows only now.
    use.tenants === null || !use.isShared || !isRest ? null : reach(use),
    // Its beginning says what a call will need; where nobody wants to know, it is not read.
    use.peek === null ? null : onlyFor(use.peek.isFor, peek(use.peek)),
    use.peek === null || use.tenants === null ? null : models(),
    // A call that goes out has taken what it is expected to use.
    limiting === null ? null : limit(limiting),
    limiting === null || limiting.headers === null ? null : limitHeaders(limiting.headers),
    // What its upstream will bill anyway is worth knowing exactly.
    use.drainsOnLeave ? drainOnLeave() : null,
    ...outward,
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

/** Who calls, and whether anything is done for it at all: outermost. */
function entranceStages(use: Ingredients): readonly (Stage | null)[] {
  return [
    // Counts and logs every call once, at its end: it sees what all the others do.
    observe({ column: use.column, log: use.log }),
    // Callers are told of what follows in their own words.
    telling(use.translation),
    // Work that will not be done must not begin.
    use.load === null ? null : shed({ load: use.load, shed: use.column.shed }),
    // Before any work: a page in a browser must not spend an injected credential.
    use.guardedHosts === null ? null : guard(use.guardedHosts),
    // A stranger's call costs nothing more than this.
    use.tenants === null ? null : authenticate({ tenants: use.tenants }),
    // A key that another route asks for is not this upstream's to see.
    use.withholdsKeys ? withhold() : null,
    // From here on a call is somebody's: settled, written down and counted once, whatever refuses it.
    use.recording === null ? null : record(use.recording),
  ]
}

/** What becomes of a head on its way to the upstream. */
function outwardStages(use: Ingredients): readonly Stage[] {
  const stages: (Stage | null)[] = [
    // What gRPC says hop by hop: the time that is left.
    outwards(use.translation),
    // What callers say of those in front of them is believed from trusted proxies only.
    forwarded(use.forwards),
    // The operator's own changes to heads.
    use.requestHeaders.length + use.replyHeaders.length === 0 ? null : headers(use.requestHeaders, use.replyHeaders),
    // Behind the rules, so that none of them can leak the upstream's credential or lose it.
    use.credential === null ? null : credential(use.credential),
  ]
  return stages.filter((stage) => stage !== null)
}

/** Where the upstream counts a call's input, it is asked the way that the call itself will go. */
function limitingOf({ limiting, countsElse, column, pool }: Ingredients, outward: readonly Stage[]): LimitOptions | null {
  if (limiting === null || countsElse === null) return limiting
  const count = countTokens({ ask: compose(outward, send(pool)) })
  return { ...limiting, expect: expectByCount({ bySize: countsElse, count, fellBack: column.countFellBack }) }
}
