import { RelayError } from '../base/errors.ts'
import type { Body } from '../engine/body.ts'
import { collect, type Collected } from '../engine/collect.ts'
import type { Call, Reply } from '../engine/call.ts'
import { awaitFor, goneFor } from '../engine/hold.ts'
import type { Head } from '../protocol/head.ts'
import { Code } from '../protocol/grpc/code.ts'
import { Name } from '../protocol/names.ts'
import { decodeWhole } from './decode-whole.ts'
import type { PeekBudget } from './peek-budget.ts'
import { tellToContinue } from './peek-more.ts'

/** Bounds on what is read whole, in bytes. */
export interface WholeOptions {
  /** As it comes. */
  readonly most: number
  /** Once it is decoded; `most` unless told. */
  readonly mostDecoded?: number
  /** What all such bodies of the process hold together; left out: each has its own bounds only. */
  readonly budget?: PeekBudget
}

/** All of a body, decoded, and the trailers behind it. */
export interface Whole {
  readonly bytes: Buffer
  readonly trailers: Buffer
  /** The bytes are not needed any more: their room is free again, at the call's end at the latest. */
  release(): void
}

/**
 * Reads all of a call's body and takes its `content-encoding` off, for stages that must have all of it; what goes out in its place is
 * theirs to say. It fails with `too_large` beyond a bound, `unsupported_type` and `bad_request` where it cannot be decoded, and as the body does where that
 * breaks off.
 */
export async function wholeBody(call: Call, { most, mostDecoded = most, budget }: WholeOptions): Promise<Whole> {
  const body = call.outgoing
  // What a stage has put in the place of the caller's body is not coded.
  const coding = body === call.body ? codingIn(call.head.fields) : null
  const room = roomFor(call, budget)
  if (!body.isComplete) tellToContinue(call)
  const tooLarge = (): RelayError => new RelayError('too_large', `the request body has more than the ${most} bytes allowed here`)
  room.take(Math.max(body.length, 0))
  if (body.length < 0) body.tap({ read: (bytes) => room.takeOrFail(bytes.length, body) })
  const { bytes, trailers } = await collect(body, most, tooLarge)
  if (coding === null) return { bytes, trailers, release: room.release }
  const decoded = await decodeWhole(bytes, coding, mostDecoded)
  const gone = goneFor(call)
  if (gone !== null) throw gone
  switch (decoded.is) {
    case 'decoded':
      room.take(decoded.bytes.length)
      return { bytes: decoded.bytes, trailers, release: room.release }
    case 'unknown':
      throw new RelayError('unsupported_type', `content-encoding ${coding} is not supported: gzip, deflate, br and zstd are`)
    case 'broken':
      throw new RelayError('bad_request', `the request body is not the ${coding} that its content-encoding says`)
    case 'too_large':
      throw new RelayError('too_large', `the request body has more than ${mostDecoded} bytes when it is decoded`)
  }
}

/**
 * Reads all of a reply's body and takes its `content-encoding` off; the call waits, and is let go when its caller leaves. The reply's
 * head is its connection's: once this has resolved, another reply may stand in it, so who needs a field takes it before.
 */
export async function wholeReply(
  call: Call,
  reply: Reply,
  { most, mostDecoded = most }: Omit<WholeOptions, 'budget'>,
): Promise<Omit<Whole, 'release'>> {
  const coding = reply.head === null ? null : codingIn(reply.head)
  const { body } = reply
  const tooLarge = (): RelayError =>
    new RelayError('upstream_failed', `the reply has more than the ${most} bytes that are read of one here`, {
      grpc: Code.resourceExhausted,
    })
  const { bytes, trailers } = await wanted(call, body, collect(body, most, tooLarge))
  if (coding === null) return { bytes, trailers }
  const decoded = await decodeWhole(bytes, coding, mostDecoded)
  const gone = goneFor(call)
  if (gone !== null) throw gone
  if (decoded.is === 'decoded') return { bytes: decoded.bytes, trailers }
  const why = `the reply's content-encoding ${coding} could not be decoded (${decoded.is.replaceAll('_', ' ')})`
  throw new RelayError('upstream_failed', why, { grpc: decoded.is === 'too_large' ? Code.resourceExhausted : Code.internal })
}

/** Whoever leaves, or is cut, meanwhile stops the upstream. */
async function wanted(call: Call, body: Body, collected: Promise<Collected>): Promise<Collected> {
  try {
    return await awaitFor(call, collected)
  } catch (error) {
    body.cancel('cancelled')
    throw error
  }
}

/** What a message's body is coded in; null: it is not. */
function codingIn(fields: Head): string | null {
  if (!fields.has(Name.contentEncoding)) return null
  const all = fields.isDoubled(Name.contentEncoding) ? fields.values('content-encoding').join(', ') : fields.text(Name.contentEncoding)!
  const coding = all.trim().toLowerCase()
  return coding === 'identity' || coding === '' ? null : coding
}

interface Room {
  /** Throws where there is no more. */
  take(bytes: number): void
  takeOrFail(bytes: number, body: Body): void
  readonly release: () => void
}

/** What one call holds of a budget, given back once. */
function roomFor(call: Call, budget: PeekBudget | undefined): Room {
  if (budget === undefined) return { take: nothing, takeOrFail: nothing, release: nothing }
  const tenant = call.tenant?.name
  let held = 0
  const release = (): void => {
    budget.give(held, tenant)
    held = 0
  }
  call.onEnd(release)
  const taken = (bytes: number): boolean => {
    if (!budget.take(bytes, tenant)) return false
    held += bytes
    return true
  }
  return {
    release,
    take: (bytes) => {
      if (!taken(bytes)) throw noRoom()
    },
    takeOrFail: (bytes, body) => {
      if (!taken(bytes)) body.fail('failed', noRoom())
    },
  }
}

function noRoom(): RelayError {
  return new RelayError('overloaded', 'too many request bodies are being read at once: try again', {
    retryAfterMs: 1000,
    shouldRetry: true,
  })
}

function nothing(): void {
  // Nobody counts.
}
