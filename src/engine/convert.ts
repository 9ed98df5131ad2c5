import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Body, type Sink, type Source } from './body.ts'

/** Turns the bytes of one body into those of another, as they come. What it throws ends both bodies. */
export interface Converter {
  /** Bytes of the source, lent; what becomes of them is pushed to `out`. */
  read(bytes: Buffer, out: Out): void
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
  private wantsMore = true
  private readonly out: Out = {
    push: (bytes, isOwned) => {
      if (bytes.length > 0 && !this.body.push(bytes, isOwned)) this.wantsMore = false
    },
  }

  constructor(source: Body, converter: Converter, length: number) {
    this.source = source
    this.converter = converter
    this.body = new Body(length, this)
    if (converter.broken !== undefined) this.body.lastTrailers = (end, error, out) => converter.broken!(end, error, out)
    // Whoever cancels the source tells no sink of it.
    source.onEnd((end) => (end === 'cancelled' ? this.body.cancel(end) : undefined))
  }

  push(bytes: Buffer): boolean {
    this.wantsMore = true
    try {
      this.converter.read(bytes, this.out)
    } catch (error) {
      this.threw(error)
    }
    return this.wantsMore
  }

  finish(trailers: Buffer): void {
    try {
      this.body.finish(this.converter.end(trailers, this.out))
    } catch (error) {
      this.threw(error)
    }
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.body.fail(end, error)
  }

  pause(): void {
    this.source.pause()
  }

  resume(): void {
    this.source.resume()
  }

  ended(end: BodyEnd): void {
    if (end !== 'done') this.source.cancel(end, this.body.error)
  }

  private threw(error: unknown): void {
    const failed = error instanceof RelayError ? error : new RelayError('internal', 'relay could not translate a body', { cause: error })
    this.body.fail(failed.failure === 'upstream_failed' ? 'upstream_failed' : 'failed', failed)
    this.source.cancel('failed', failed)
  }
}
