import { RelayError } from '../base/errors.ts'
import type { Used } from '../base/tokens.ts'
import { isMessages } from '../claude/endpoints.ts'
import type { Call, Next, Reply, Stage } from '../engine/call.ts'
import { awaitFor } from '../engine/hold.ts'
import { costOf } from '../ledger/cost.ts'
import type { LimitSet } from '../limits/store.ts'
import { outgoingPath } from './aim.ts'
import { Admission } from './limit-admission.ts'
import type { LimitOptions } from './limit-options.ts'
import type { Holding } from './limits-for.ts'
import { modelNeeded } from './models.ts'
import { Unlimited } from './reservation.ts'

/**
 * Takes what a call is expected to use from all of its limits at once, before it goes out, or refuses it; where the route has a queue,
 * a call that is refused for a while waits there. What was taken is settled by `record`, at the call's end. Where nothing has to be
 * asked for elsewhere, there is no promise of its own.
 */
export function limit(options: LimitOptions): Stage {
  const { limitsFor, kind, limiter, ledger } = options
  return (call, next) => {
    const isMetered = kind === 'claude' && isMessages(outgoingPath(call))
    const holding = limitsFor(call.tenant, call.asked?.model ?? null, isMetered)
    if (holding.limits.length === 0 && ledger === null) {
      call.reserved = free
      return next(call)
    }
    const refused = refusalBefore(call, holding, options)
    if (refused !== null) return Promise.reject(refused)
    const set = holding.limits.length === 0 ? null : limiter.bind(holding.subject, holding.limits)
    const expected = isMetered ? options.expect(call, () => set === null || set instanceof Promise || hasRoom(set, limiter)) : null
    if (expected instanceof Promise || set instanceof Promise) return takeLater({ call, next, holding }, expected, set, options)
    return take({ call, next, holding }, expected, set, options)
  }
}

/** Of a call that nothing limits and nobody writes down: it is let through all the same, and its tokens are its tenant's. */
const free = new Unlimited(null)

interface Asking {
  readonly call: Call
  readonly next: Next
  readonly holding: Holding
}

/** What refuses a call whatever its buckets say. */
function refusalBefore({ asked }: Call, holding: Holding, { ledger, blocksUnpriced }: LimitOptions): RelayError | null {
  if (holding.needsModel && asked !== null) return modelNeeded(asked, 'limits hold for certain models only')
  if (ledger !== null && !ledger.writer.canTake && (ledger.whenFull ?? (holding.hasBudget ? 'refuse' : 'count')) === 'refuse')
    return new RelayError('unavailable', 'the ledger cannot take the call down for now', { retryAfterMs: 1000, shouldRetry: true })
  // Only a call that costs money has a budget among its limits.
  if (!holding.hasBudget || holding.price !== null || !blocksUnpriced) return null
  if (asked === null || asked.model === null) return modelNeeded(asked, 'a budget counts what it costs')
  return new RelayError('bad_request', `the model ${asked.model} has no price, and a budget counts here: give it one under prices`)
}

/** Whether anything is left in each bucket that refuses, as far as it is known here. */
function hasRoom({ buckets }: LimitSet, limiter: LimitOptions['limiter']): boolean {
  return buckets.every((bucket) => bucket.limit.dryRun || limiter.reading(bucket).remaining > 0)
}

async function takeLater(
  asking: Asking,
  expected: Used | null | Promise<Used>,
  set: LimitSet | null | Promise<LimitSet>,
  options: LimitOptions,
): Promise<Reply> {
  const { call } = asking
  // First, as the set may fail, and what is expected never does: a failure that nobody waits for yet would end the worker.
  let bound = set instanceof Promise ? await awaitFor(call, set) : set
  const used = expected instanceof Promise ? await awaitFor(call, expected) : expected
  // A set is not kept over a wait: its buckets may have moved.
  if (bound !== null && expected instanceof Promise) {
    const again = options.limiter.bind(asking.holding.subject, asking.holding.limits)
    bound = again instanceof Promise ? await awaitFor(call, again) : again
  }
  return take(asking, used, bound, options)
}

// oxlint-disable-next-line promise-function-async -- on the path of every call
function take({ call, next, holding }: Asking, expected: Used | null, set: LimitSet | null, options: LimitOptions): Promise<Reply> {
  if (set === null || set.buckets.length === 0) {
    call.reserved = new Unlimited(expected)
    return letThrough(call, next, options)
  }
  const cost = expected === null || holding.price === null ? 0 : costOf(expected, holding.price)
  const admission = new Admission(call, { options, holding, expected, cost, set })
  if (options.queue !== null && !admission.isFree()) return admitLater(admission, admission.waitInQueue(), next)
  const verdict = admission.ask()
  if (verdict instanceof Promise) return admitLater(admission, admission.answered(verdict), next)
  if (verdict.is === 'taken') {
    admission.taken(verdict.over)
    return letThrough(call, next, options)
  }
  if (admission.waits(verdict)) return admitLater(admission, admission.waitInQueue(), next)
  return Promise.reject(admission.refused(verdict))
}

async function admitLater(admission: Admission, admitted: Promise<void>, next: Next): Promise<Reply> {
  await admitted
  return letThrough(admission.call, next, admission.options)
}

/** The call goes out; where the ledger wants it, not before it stands there that it will. */
// oxlint-disable-next-line promise-function-async -- on the path of every call
function letThrough(call: Call, next: Next, { ledger }: LimitOptions): Promise<Reply> {
  return ledger === null || !ledger.isSync ? next(call) : intendFirst(call, next, ledger.intend)
}

async function intendFirst(call: Call, next: Next, intend: (call: Call) => Promise<void>): Promise<Reply> {
  await awaitFor(call, intend(call))
  return next(call)
}
