import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress, constants } from 'node:zlib'
import type { Transform } from 'node:stream'

/** What the decoded bytes go to: a usage reader, or anything that reads bytes. */
export interface Reader {
  read(bytes: Buffer): void
  end(): void
}

export interface SideDecoderOptions {
  /** Decoded bytes that are read at most: a small coded body may be a huge one. */
  readonly maxDecoded?: number
  /** Coded bytes that may wait for the decoder: what passes is never held back for it. */
  readonly maxQueued?: number
}

/** Decodes a copy of a coded reply beside the reply itself, and reads it. */
export interface SideDecoder {
  /** Takes the next coded bytes; they are copied, and never held back. */
  read(bytes: Buffer): void
  /** No more bytes will come: resolves when all has been read, or given up. */
  end(): Promise<void>
  /** Stops at once. */
  close(): void
  /** Not all was read: beyond a bound, an unknown coding, broken data, or closed too early. What was read before stays read. */
  readonly isUnread: boolean
}

/** Whether a `content-encoding` is one that can be decoded: a single one, of those that HTTP knows. */
export function isDecodable(coding: string): boolean {
  return Object.hasOwn(makers, coding.trim().toLowerCase())
}

/** Makes the decoder for a `content-encoding`, feeding a reader. `identity` is read as it comes. */
export function sideDecoder(coding: string, reader: Reader, options: SideDecoderOptions = {}): SideDecoder {
  const name = coding.trim().toLowerCase()
  if (name === '' || name === 'identity') return plainDecoder(reader)
  return new Decoder(name, reader, options)
}

/** A truncated body ends without an error: what a broken stream has told is read all the same. */
const gentle = { finishFlush: constants.Z_SYNC_FLUSH }
/** 8 MB: the window that every zstd decoder must support (RFC 8878), and no larger one. */
const zstdWindow = { [constants.ZSTD_d_windowLogMax]: 23 }

const makers: Readonly<Record<string, (first: number) => Transform>> = {
  gzip: () => createGunzip(gentle),
  'x-gzip': () => createGunzip(gentle),
  // Said to be zlib's format; some servers send the bare stream. Zlib's first byte names method 8 and a window of at most 32 KB.
  deflate: (first) => ((first & 0x8f) === 0x08 ? createInflate(gentle) : createInflateRaw(gentle)),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush, params: zstdWindow }),
}

class Decoder implements SideDecoder {
  isUnread = false
  readonly #maker: ((first: number) => Transform) | undefined
  readonly #reader: Reader
  readonly #maxDecoded: number
  readonly #maxQueued: number
  readonly #ended = Promise.withResolvers<void>()
  #stream: Transform | null = null
  #decoded = 0
  #isOver = false

  constructor(coding: string, reader: Reader, { maxDecoded = 67_108_864, maxQueued = 1_048_576 }: SideDecoderOptions) {
    this.#maker = Object.hasOwn(makers, coding) ? makers[coding] : undefined
    this.#reader = reader
    this.#maxDecoded = maxDecoded
    this.#maxQueued = maxQueued
  }

  read(bytes: Buffer): void {
    if (this.#isOver || bytes.length === 0) return
    this.#stream ??= this.#open(bytes[0] ?? 0)
    if (this.#stream === null || this.#stream.writableLength + bytes.length > this.#maxQueued) return this.#giveUp()
    this.#stream.write(Buffer.from(bytes))
  }

  async end(): Promise<void> {
    if (this.#stream === null) this.#finish()
    else if (!this.#isOver) this.#stream.end()
    await this.#ended.promise
  }

  close(): void {
    if (this.#stream === null) this.#finish()
    else this.#giveUp()
  }

  #open(first: number): Transform | null {
    const stream = this.#maker?.(first) ?? null
    stream?.on('data', (decoded: Buffer) => this.#take(decoded))
    stream?.on('end', () => this.#finish())
    stream?.on('error', () => this.#giveUp())
    return stream
  }

  #take(decoded: Buffer): void {
    if (this.#isOver) return
    this.#decoded += decoded.length
    if (this.#decoded > this.#maxDecoded) this.#giveUp()
    else this.#reader.read(decoded)
  }

  #giveUp(): void {
    if (!this.#isOver) this.isUnread = true
    this.#finish()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream?.destroy()
    this.#reader.end()
    this.#ended.resolve()
  }
}

function plainDecoder(reader: Reader): SideDecoder {
  let isOver = false
  function finish(): void {
    if (!isOver) reader.end()
    isOver = true
  }
  return {
    isUnread: false,
    read: (bytes) => (isOver ? undefined : reader.read(bytes)),
    end: async () => finish(),
    close: finish,
  }
}
