import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

/** What became of a compressed message. */
export type Inflated =
  | { readonly is: 'inflated'; readonly bytes: Buffer }
  | { readonly is: 'unknown' }
  | { readonly is: 'broken' }
  | { readonly is: 'too_large' }

/** A message without its compression, for who must read it: of at most `most` bytes, at once, since a message is short. */
export function inflateMessage(message: Buffer, encoding: string, most: number): Inflated {
  if (encoding === 'identity') return message.length > most ? { is: 'too_large' } : { is: 'inflated', bytes: message }
  const inflate = Object.hasOwn(makers, encoding) ? makers[encoding] : undefined
  if (inflate === undefined) return { is: 'unknown' }
  try {
    // It refuses 0.
    return { is: 'inflated', bytes: inflate(message, { maxOutputLength: Math.max(1, most) }) }
  } catch (error) {
    const isTooLarge = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    return { is: isTooLarge ? 'too_large' : 'broken' }
  }
}

type Inflate = (message: Buffer, options: { readonly maxOutputLength: number }) => Buffer

const makers: Readonly<Record<string, Inflate>> = {
  gzip: (message, options) => gunzipSync(message, options),
  deflate: (message, options) => inflateSync(message, options),
  br: (message, options) => brotliDecompressSync(message, options),
  // 8 MB: the window that every zstd decoder must support (RFC 8878), and no larger one.
  zstd: (message, options) => zstdDecompressSync(message, { ...options, params: { [constants.ZSTD_d_windowLogMax]: 23 } }),
}
