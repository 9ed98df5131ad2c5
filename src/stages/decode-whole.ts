import { brotliDecompress, constants, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'

/** What came of decoding. */
export type Decoded =
  | { readonly is: 'decoded'; readonly bytes: Buffer }
  /** A coding that HTTP does not know, or several. */
  | { readonly is: 'unknown' }
  /** Not in that coding, or cut short. */
  | { readonly is: 'broken' }
  | { readonly is: 'too_large' }

/** Takes a `content-encoding` (lower case) off a whole body, off the thread of the event loop; what it becomes has a bound. */
export async function decodeWhole(bytes: Buffer, coding: string, most: number): Promise<Decoded> {
  const decoder = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined
  if (decoder === undefined) return { is: 'unknown' }
  if (bytes.length === 0) return { is: 'broken' }
  return new Promise((resolve) => {
    decoder(bytes, most, (error, decoded) => {
      if (error === null) resolve({ is: 'decoded', bytes: decoded })
      else resolve({ is: 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'broken' })
    })
  })
}

type Done = (error: Error | null, decoded: Buffer) => void
type Decoder = (bytes: Buffer, maxOutputLength: number, done: Done) => void

/** 8 MB: the window that every zstd decoder must support (RFC 8878), and no larger one. */
const zstdWindow = { [constants.ZSTD_d_windowLogMax]: 23 }

const unzip: Decoder = (bytes, maxOutputLength, done) => gunzip(bytes, { maxOutputLength }, done)

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: unzip,
  'x-gzip': unzip,
  deflate: (bytes, maxOutputLength, done) => {
    // Said to be zlib's format; some send the bare stream. Zlib's first byte names method 8 and a window of at most 32 KB.
    const decode = (bytes[0]! & 0x8f) === 0x08 ? inflate : inflateRaw
    decode(bytes, { maxOutputLength }, done)
  },
  br: (bytes, maxOutputLength, done) => brotliDecompress(bytes, { maxOutputLength }, done),
  zstd: (bytes, maxOutputLength, done) => zstdDecompress(bytes, { maxOutputLength, params: zstdWindow }, done),
}
