import type { Transform } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Body, type Sink, type Source } from '../engine/body.ts'

/**
 * The body that comes of taking a `content-encoding` off another one as it comes, up to `most` bytes; back-pressure and cancellation pass
 * through. null: it is coded in a way that HTTP does not know, or in several.
 */
export function decodedBody(source: Body, coding: string, most: number): Body | null {
  const make = makers.get(coding.trim().toLowerCase())
  if (make === undefined) return null
  const decoding = new Decoding(source, make, most)
  source.pipe(decoding)
  return decoding.body
}

type Maker = (first: number) => Transform

/** 8 MB: the window that every zstd decoder must support (RFC 8878), and no larger one. */
const zstdWindow = { [constants.ZSTD_d_windowLogMax]: 23 }

const makers: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  // Said to be zlib's format; some servers send the bare stream. Zlib's first byte names method 8 and a window of at most 32 KB.
  ['deflate', (first) => ((first & 0x8f) === 0x08 ? createInflate() : createInflateRaw())],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress({ params: zstdWindow })],
])

class Decoding implements Sink, Source {
  readonly body: Body
  private readonly source: Body
  private readonly make: Maker
  private readonly most: number
  private decoder: Transform | null = null
  private decoded = 0
  /** How the source has ended, once it has: what is decoded by then goes out before that is told. */
  private over: { readonly end: BodyEnd; readonly error: RelayError | null; readonly trailers: Buffer } | null = null

  constructor(source: Body, make: Maker, most: number) {
    this.source = source
    this.make = make
    this.most = most
    this.body = new Body(-1, this)
    // Whoever cancels the source tells no sink of it.
    source.onEnd((end, { isCancelled, error }) => (isCancelled ? this.body.cancel(end, error) : undefined))
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    if (bytes.length === 0) return true
    this.decoder ??= this.open(bytes[0]!)
    return this.decoder.write(isOwned ? bytes : Buffer.from(bytes))
  }

  finish(trailers: Buffer): void {
    this.close({ end: 'done', error: null, trailers })
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.close({ end, error, trailers: none })
  }

  pause(): void {
    this.decoder?.pause()
  }

  resume(): void {
    if (this.decoder === null) this.source.resume()
    else this.decoder.resume()
  }

  ended(end: BodyEnd): void {
    if (end === 'done') return
    this.decoder?.destroy()
    this.source.cancel(end, this.body.error)
  }

  private open(first: number): Transform {
    const decoder = this.make(first)
    decoder.on('data', (bytes: Buffer) => this.take(bytes, decoder))
    decoder.on('drain', () => this.source.resume())
    decoder.on('end', () => this.told())
    decoder.on('error', (cause) => this.broke('the upstream coded its reply in another way than it says', cause))
    return decoder
  }

  private take(bytes: Buffer, decoder: Transform): void {
    this.decoded += bytes.length
    if (this.decoded > this.most) return this.broke(`the reply has more than ${this.most} bytes when it is decoded`)
    if (!this.body.push(bytes, true)) decoder.pause()
  }

  private close(over: NonNullable<Decoding['over']>): void {
    this.over = over
    if (this.decoder === null) this.told()
    else this.decoder.end()
  }

  private told(): void {
    const { end, error, trailers } = this.over!
    if (end === 'done') this.body.finish(trailers)
    else this.body.fail(end, error)
  }

  private broke(message: string, cause?: Error): void {
    // A source that broke off is the reason why there is no more to decode.
    if (this.over !== null && this.over.end !== 'done') return this.told()
    this.body.fail('upstream_failed', new RelayError('upstream_failed', message, cause === undefined ? {} : { cause }))
  }
}

const none = Buffer.alloc(0)
