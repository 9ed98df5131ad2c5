import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { roomFor } from '../protocol/room.ts'
import { Body, type Sink, type Source } from './body.ts'

/** Turns the bytes of one body into those of another, as they come. What it throws ends both bodies. */
export interface Converter {
  /** Bytes of the source, lent; what becomes of them is pushed to `out`. Of many messages in few bytes it makes those that `out` has room for. */
  read(bytes: Buffer, out: Room): void
  /** The source is whole: the last bytes go to `out`; the trailers of the new body. */
  end(trailers: Buffer, out: Out): Buffer
  /**
   * The new body breaks off, because the source did, this converter threw, or relay cut it: last words may go to `out`. Trailers, empty
   * or not, end it in its own way (a gRPC status) and null breaks it off, as it does where this is left out.
   */
  broken?(end: BodyEnd, error: RelayError | null, out: Out): Buffer | null
}

/** Where converted bytes go; owned: they stay as they are. */
export interface Out {
  push(bytes: Buffer, isOwned: boolean): unknown
}

/** The same while the source is read: as much as its reader takes, and as long as other calls can wait. */
export interface Room extends Out {
  /** Enough for now. */
  readonly isFull: boolean
  /** The end of the bytes that are being read: it is read again, with what follows it, when there is room. */
  unread(bytes: Buffer): void
}

/** The body that a converter makes of another one; back-pressure and cancellation pass through. Its length is not known unless told. */
export function converted(source: Body, converter: Converter, length = -1): Body {
  const conversion = new Conversion(source, converter, length)
  source.pipe(conversion)
  return conversion.body
}

class Conversion implements Sink, Source {
  readonly body: Body
  private readonly source: Body
  private readonly converter: Converter
  private readonly out = new Made(this)
  private wantsMore = true
  /** When others have waited long enough, in ms. */
  private until = 0
  /** What was given back, and what has come behind it. */
  private rest: Buffer = none
  private later: Buffer = none
  private laterLength = 0
  private willReadOn = false
  /** The source is whole, and not all of it has been read. */
  private trailers: Buffer | null = null

  constructor(source: Body, converter: Converter, length: number) {
    this.source = source
    this.converter = converter
    this.body = new Body(length, this)
    if (converter.broken !== undefined) this.body.lastTrailers = (end, error, out) => converter.broken!(end, error, out)
    // Whoever cancels the source tells no sink of it.
    source.onEnd((end, { isCancelled, error }) => (isCancelled ? this.body.cancel(end, error) : undefined))
  }

  get isFull(): boolean {
    return !this.wantsMore || performance.now() >= this.until
  }

  /** Converter: bytes of the new body. */
  made(bytes: Buffer, isOwned: boolean): void {
    if (bytes.length > 0 && !this.body.push(bytes, isOwned)) this.wantsMore = false
  }

  /** Converter: the end of what it reads. */
  giveBack(bytes: Buffer): void {
    this.rest = bytes
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    if (this.hasRest || !this.wantsMore) return this.keep(bytes)
    this.read(bytes, isOwned)
    return this.wantsMore && !this.hasRest
  }

  finish(trailers: Buffer): void {
    if (this.hasRest) this.trailers = trailers
    else this.whole(trailers)
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.body.fail(end, error)
  }

  pause(): void {
    this.wantsMore = false
    this.source.pause()
  }

  resume(): void {
    this.wantsMore = true
    if (!this.hasRest) this.source.resume()
    else if (!this.willReadOn) this.readOn()
  }

  ended(end: BodyEnd): void {
    this.rest = this.later = none
    this.laterLength = 0
    if (end !== 'done') this.source.cancel(end, this.body.error)
  }

  private get hasRest(): boolean {
    return this.rest.length > 0 || this.laterLength > 0
  }

  private read(bytes: Buffer, isOwned: boolean): void {
    this.until = performance.now() + turnMs
    try {
      this.converter.read(bytes, this.out)
    } catch (error) {
      return this.threw(error)
    }
    if (this.rest.length === 0) return
    if (!isOwned) this.rest = Buffer.from(this.rest)
    if (this.wantsMore) this.readOnSoon()
  }

  /** Its source may say more before it has heard that it is to stop. */
  private keep(bytes: Buffer): false {
    const length = this.laterLength + bytes.length
    this.later = roomFor(this.later, this.laterLength, length)
    bytes.copy(this.later, this.laterLength)
    this.laterLength = length
    return false
  }

  /** Others go first. */
  private readOnSoon(): void {
    if (this.willReadOn) return
    this.willReadOn = true
    setImmediate(() => {
      this.willReadOn = false
      if (this.wantsMore) this.readOn()
    })
  }

  private readOn(): void {
    if (this.body.end !== null) return
    const next = this.rest.length > 0 ? this.rest : this.later.subarray(0, this.laterLength)
    if (this.rest.length === 0) {
      this.later = none
      this.laterLength = 0
    }
    this.rest = none
    this.read(next, true)
    if (!this.wantsMore || this.body.end !== null) return
    if (this.hasRest) this.readOnSoon()
    else if (this.trailers === null) this.source.resume()
    else this.whole(this.trailers)
  }

  private whole(trailers: Buffer): void {
    try {
      this.body.finish(this.converter.end(trailers, this.out))
    } catch (error) {
      this.threw(error)
    }
  }

  private threw(error: unknown): void {
    const failed = error instanceof RelayError ? error : new RelayError('internal', 'relay could not translate a body', { cause: error })
    this.body.fail(failed.failure === 'upstream_failed' ? 'upstream_failed' : 'failed', failed)
    this.source.cancel('failed', failed)
  }
}

/** What a converter sees of its conversion. */
class Made implements Room {
  private readonly conversion: Pick<Conversion, 'isFull' | 'made' | 'giveBack'>

  constructor(conversion: Pick<Conversion, 'isFull' | 'made' | 'giveBack'>) {
    this.conversion = conversion
  }

  get isFull(): boolean {
    return this.conversion.isFull
  }

  push(bytes: Buffer, isOwned: boolean): void {
    this.conversion.made(bytes, isOwned)
  }

  unread(bytes: Buffer): void {
    this.conversion.giveBack(bytes)
  }
}

const none = Buffer.alloc(0)
/** For how long one body is read while others wait: a message may be short and what becomes of it long. */
const turnMs = 10
