import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import type { Converter, Out, Room } from '../engine/convert.ts'
import { Code } from '../protocol/grpc/code.ts'
import { framePrefix } from '../protocol/grpc/frames.ts'
import { statusLines, statusOfEnd, type GrpcStatus } from '../protocol/grpc/status.ts'
import { SseScanner, sseKinds } from '../protocol/sse.ts'
import { JsonValues } from '../transcode/json-values.ts'
import type { RepliedMethod } from './grpc-replied.ts'
import { statusOfEvent } from './rest-status.ts'

/** Makes framed messages of a backend's stream; it ends in a status, whatever becomes of the stream. */
export abstract class MessageSource implements Converter {
  protected readonly of: RepliedMethod
  /** What the backend told, where that was its end. */
  protected failure: GrpcStatus | null = null
  private out: Out | null = null

  constructor(of: RepliedMethod) {
    this.of = of
  }

  read(bytes: Buffer, out: Room): void {
    this.out = out
    this.take(bytes, out)
  }

  end(_trailers: Buffer, out: Out): Buffer {
    this.out = out
    this.finish()
    return okTrailers
  }

  broken(end: BodyEnd, error: RelayError | null): Buffer {
    return statusLines(this.failure ?? statusOfEnd(end, error))
  }

  protected abstract take(bytes: Buffer, room: Room): void
  protected abstract finish(): void

  protected message(body: Buffer, contentType: string): void {
    const message = this.of.method.fromHttp(body, contentType)
    this.out!.push(framePrefix(message.length), true)
    this.out!.push(Buffer.from(message.buffer, message.byteOffset, message.byteLength), true)
  }
}

/** Server-sent events: the data of each is a message; one that is called `error` is the end. */
export class EventMessages extends MessageSource {
  private readonly scanner: SseScanner

  constructor(of: RepliedMethod) {
    super(of)
    this.scanner = new SseScanner({
      kinds,
      wantsAll: true,
      maxData: of.mostMessage,
      onEvent: (kind, bytes, start, end) => this.event(kind, bytes.subarray(start, end)),
      onSkipped: () => {
        const message = `an event of the upstream has more than ${of.mostMessage} bytes`
        throw new RelayError('upstream_failed', message, { grpc: Code.resourceExhausted })
      },
    })
  }

  protected take(bytes: Buffer, room: Room): void {
    const taken = this.scanner.read(bytes, () => room.isFull)
    if (taken < bytes.length) room.unread(bytes.subarray(taken))
  }

  protected finish(): void {
    // An event that has not ended is none (WHATWG HTML §9.2.6).
  }

  private event(kind: number, data: Buffer): void {
    if (data.length === 0 || data.equals(done)) return
    if (kind !== 0) return this.message(data, 'application/json')
    this.failure = statusOfEvent(data, this.of.transcoder.statuses)
    throw new RelayError('upstream_failed', this.failure.message, { grpc: this.failure.code })
  }
}

/** JSON values one after the other, a line each or not, or the elements of one array. */
export class JsonMessages extends MessageSource {
  private readonly values: JsonValues

  constructor(of: RepliedMethod, isLines: boolean) {
    super(of)
    this.values = new JsonValues({ most: of.mostMessage, lines: isLines })
  }

  protected take(bytes: Buffer, room: Room): void {
    ofUpstream(() => {
      const taken = this.values.push(
        bytes,
        (value) => this.value(value),
        () => room.isFull,
      )
      if (taken < bytes.length) room.unread(bytes.subarray(taken))
    })
  }

  protected finish(): void {
    ofUpstream(() => this.values.end((value) => this.value(value)))
  }

  private value(value: Uint8Array): void {
    this.message(Buffer.from(value.buffer, value.byteOffset, value.byteLength), 'application/json')
  }
}

/** What would be wrong with a caller's JSON is the upstream's failure here. */
function ofUpstream(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof RelayError) || error.failure === 'upstream_failed') throw error
    const grpc = error.failure === 'too_large' ? Code.resourceExhausted : Code.internal
    throw new RelayError('upstream_failed', `the upstream's stream is malformed: ${error.message}`, { grpc })
  }
}

/** Raw bytes: each piece is a message as it comes, the first says of what type they are. */
export class RawMessages extends MessageSource {
  private readonly contentType: string

  constructor(of: RepliedMethod, contentType: string) {
    super(of)
    this.contentType = contentType
  }

  protected take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += this.of.mostMessage)
      this.message(bytes.subarray(at, at + this.of.mostMessage), this.contentType)
  }

  protected finish(): void {
    // Every piece has gone.
  }
}

const kinds = sseKinds(['error'])
const done = Buffer.from('[DONE]')
const okTrailers = statusLines({ code: Code.ok, message: '', details: null })
