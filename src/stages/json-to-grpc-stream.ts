import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Reply, stopped, type Call, type Next } from '../engine/call.ts'
import { converted, type Converter, type Out, type Room } from '../engine/convert.ts'
import { awaitFor } from '../engine/hold.ts'
import { Edits } from '../protocol/edits.ts'
import { Code } from '../protocol/grpc/code.ts'
import { Deframer, frameError } from '../protocol/grpc/frames.ts'
import { statusInTrailers, statusOfEnd, trailerHead, type GrpcStatus } from '../protocol/grpc/status.ts'
import type { Head } from '../protocol/head.ts'
import type { Rendered } from '../transcode/types.ts'
import { noStatus, ownHead, readReply } from './grpc-head.ts'
import { plainMessage } from './grpc-messages.ts'
import { addTrailing } from './grpc-metadata.ts'
import type { Replying } from './json-to-grpc-options.ts'
import { ofMessage, statusReply } from './json-to-grpc-reply.ts'
import { streamFormat, type StreamFormat } from './stream-format.ts'

/**
 * Sends a call and makes the messages of its reply a stream of JSON. The head waits for the first message, but not for long: a call that
 * fails before it is told so by its HTTP status; one that fails behind it, in the stream's own words, and then the stream breaks off.
 */
export async function repliedStream(call: Call, next: Next, replying: Replying): Promise<Reply> {
  const reply = await next(call)
  const head = ownHead(reply)
  const around = { statuses: replying.transcoder.statuses, head, edits: new Edits() }
  const early = readReply(reply.status, head).status
  if (early !== null && early.code !== Code.ok) {
    if (!reply.body.isComplete) reply.body.cancel('cancelled')
    return statusReply(early, around)
  }
  const stream = new MessageStream({
    ...replying,
    head,
    told: early,
    format: streamFormat(call.head.fields, replying.match.rawReply),
  })
  const body = converted(reply.body, stream)
  const { edits } = around
  body.onEnd(() => stream.begin())
  await begun(call, stream)
  // Nothing has come before it broke off: that is told by its HTTP status.
  if (body.end !== null && body.look() === null) throw body.error ?? stopped(body.end)
  if (stream.failedEarly !== null) {
    addTrailing(trailerHead(stream.trailers), edits)
    return statusReply(stream.failedEarly, around)
  }
  const made = new Reply(200, head, body, { edits: ofMessage(edits, stream.contentType) })
  made.isStream = true
  return made
}

/** Waits for a first message or the end; after a quarter of a second the head goes out by itself, so that a quiet stream shows that it is open. */
async function begun(call: Call, stream: MessageStream): Promise<void> {
  if (stream.hasBegun) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.onBegin = resolve
  const timer = setTimeout(resolve, firstMessageMs)
  try {
    await awaitFor(call, promise)
  } finally {
    clearTimeout(timer)
    stream.onBegin = null
    stream.isOut = true
  }
}

interface StreamOptions extends Replying {
  readonly head: Head
  /** The status that the head says already. */
  readonly told: GrpcStatus | null
  readonly format: StreamFormat
}

class MessageStream implements Converter {
  /** A message has come, or the end. */
  hasBegun = false
  onBegin: (() => void) | null = null
  /** The head does not wait any more. */
  isOut = false
  /** How the call ended before it had a message. */
  failedEarly: GrpcStatus | null = null
  trailers: Buffer = none
  contentType: string
  private readonly options: StreamOptions
  private readonly deframer: Deframer
  /** What the upstream said, where it failed behind a message. */
  private failure: GrpcStatus | null = null
  private out: Out | null = null
  private count = 0

  constructor(options: StreamOptions) {
    this.options = options
    this.contentType = options.format.contentType
    const onMessage = (message: Buffer, flags: number): void => this.message(message, flags)
    this.deframer = new Deframer({ most: options.mostMessage, from: 'upstream', onMessage })
  }

  read(bytes: Buffer, out: Room): void {
    this.out = out
    const refused = this.deframer.read(bytes, out)
    if (refused !== null) throw frameError(refused)
  }

  end(trailers: Buffer, out: Out): Buffer {
    this.out = out
    const refused = this.deframer.end()
    if (refused !== null) throw frameError(refused)
    const status = statusInTrailers(trailers) ?? this.options.told ?? noStatus
    if (status.code !== Code.ok) return this.failed(status, trailers)
    const { format } = this.options
    out.push(this.count === 0 ? format.empty : format.end, true)
    this.begin()
    return withoutStatus(trailers)
  }

  /** The status of a stream that broke off stands at its end, where its format has room for it; and then the connection breaks off too. */
  broken(end: BodyEnd, error: RelayError | null, out: Out): null {
    if (this.failedEarly === null && end !== 'cancelled') this.tell(this.failure ?? statusOfEnd(end, error), out)
    this.begin()
    return null
  }

  private message(message: Buffer, flags: number): void {
    const { match, head, format, mostMessage } = this.options
    const rendered = match.reply(plainMessage({ message, flags, head, most: mostMessage, from: 'upstream' }))
    if (this.count++ === 0) this.first(rendered)
    else this.out!.push(format.between, true)
    if (format.before.length > 0) this.out!.push(format.before, true)
    this.out!.push(rendered.bytes, true)
    if (format.after.length > 0) this.out!.push(format.after, true)
  }

  private first(rendered: Rendered): void {
    const { format } = this.options
    if (rendered.is === 'raw' && !this.isOut) this.contentType = rendered.contentType
    this.out!.push(format.begin, true)
    this.begin()
  }

  private failed(status: GrpcStatus, trailers: Buffer): Buffer {
    if (this.count === 0 && !this.isOut) {
      this.failedEarly = status
      this.trailers = trailers
      this.begin()
      return none
    }
    this.failure = status
    throw new RelayError('upstream_failed', status.message, { grpc: status.code })
  }

  private tell(status: GrpcStatus, out: Out): void {
    const { format, transcoder } = this.options
    const details = status.details ?? none
    const json = transcoder.statuses.toJson({ code: status.code, message: status.message, details })
    const words = format.error(json, this.count > 0)
    if (words !== null) out.push(words, true)
  }

  /** There is something to tell. */
  begin(): void {
    this.hasBegun = true
    this.onBegin?.()
  }
}

function withoutStatus(trailers: Buffer): Buffer {
  const head = trailerHead(trailers)
  const kept: Buffer[] = []
  for (let k = 0; k < head.count; k++) {
    if (!head.name(k).startsWith('grpc-')) kept.push(Buffer.from(head.bytes.subarray(head.lineStart(k), head.lineEnd(k))))
  }
  return Buffer.concat(kept)
}

const none = Buffer.alloc(0)
/** What a first message gets to come before the head goes out, in ms. */
const firstMessageMs = 250
