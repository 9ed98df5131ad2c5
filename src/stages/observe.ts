import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Call, CallListener, Next, Reply, Stage } from '../engine/call.ts'
import type { Column } from '../metrics/column.ts'
import { isStream } from './event-stream.ts'
import { isRefused } from './refused.ts'

/** Where calls are counted and, if asked for, logged. */
export interface ObserveOptions {
  readonly column: Column
  /** null: no line a call. */
  readonly log: Log | null
}

/** Counts every call once, at its end, whatever that was; outermost, so that it sees what every other stage does. */
export function observe({ column, log }: ObserveOptions): Stage {
  const ended: CallListener = (call, end) => {
    const ms = performance.now() - call.startedAt
    if (call.attempts > 0 && call.firstByteAfterMs >= 0) column.upstreamFirstByte(call.route.upstreamSlot, call.firstByteAfterMs)
    if (call.tokensRead !== null) return void recordLater(call, ms, { column, log })
    column.callEnded(call.route.slot, call.status, ms, end)
    record(call, fieldsOf(call, ms, log), { column, log })
  }
  const streamEnded = (): void => column.streamClosed()
  return async (call: Call, next: Next): Promise<Reply> => {
    column.callStarted()
    call.onEnd(ended)
    const reply = await next(call)
    if (isStream(reply)) {
      column.streamOpened()
      reply.body.onEnd(streamEnded)
      if (call.tenant !== null) countStream(reply, call.tenant.businessSlot, column)
    }
    return reply
  }
}

function countStream(reply: Reply, business: number, column: Column): void {
  column.businessStreamOpened(business)
  reply.body.onEnd(() => column.businessStreamClosed(business))
}

type Fields = Parameters<Log['access']>[0] | null

// The head goes back to its connection when the call has settled, so the line's texts are taken before anything is waited for.
async function recordLater(call: Call, ms: number, options: ObserveOptions): Promise<void> {
  const fields = fieldsOf(call, ms, options.log)
  const known = call.error
  await call.tokensRead
  // A coded stream shows only now that it was not whole; its bytes had to pass as they came.
  const end = call.error === known ? (call.end ?? 'failed') : 'upstream_failed'
  options.column.callEnded(call.route.slot, call.status, ms, end)
  record(
    call,
    fields === null
      ? null
      : {
          ...fields,
          end: endOf(call, end),
          failure: call.error === null ? null : failureText(call.error),
          tokens: call.tokens,
          model: call.tokens?.model ?? fields.model,
        },
    options,
  )
}

function record(call: Call, fields: Fields, { column, log }: ObserveOptions): void {
  if (call.tokens !== null) column.tokens(call.route.slot, call.tokens)
  if (log !== null && fields !== null) log.access(fields)
}

function fieldsOf(call: Call, ms: number, log: Log | null): Fields {
  if (log === null) return null
  return {
    id: call.id,
    route: call.route.name,
    method: call.head.method,
    path: call.head.path,
    status: call.status,
    end: endOf(call, call.end ?? 'failed'),
    ms,
    firstByteMs: call.firstByteAfterMs < 0 ? null : call.firstByteAfterMs,
    upstream: call.route.upstream === '' ? null : call.route.upstream,
    bytesIn: call.body.received,
    bytesOut: call.bytesOut,
    client: call.caller.address,
    failure: call.error === null ? null : failureText(call.error),
    tokens: call.tokens,
    tenant: call.tenant?.name ?? null,
    model: call.tokens?.model ?? call.asked?.model ?? null,
  }
}

/** As the ledger has it: a call that relay refused did not fail. */
function endOf(call: Call, end: BodyEnd): BodyEnd | 'refused' {
  return isRefused(call, end) ? 'refused' : end
}

/** What failed, and why where a socket says so (its address, its certificate): callers are not told that. Bugs are logged with their stack. */
function failureText({ failure, message, cause }: RelayError): string {
  const why = failure !== 'internal' && cause instanceof Error && !message.includes(cause.message) ? ` (${cause.message})` : ''
  return `${failure}: ${message}${why}`
}
