import { Flag, framed } from './frames.ts'

/** The last frame of a gRPC-Web reply: its trailers, as lines. */
export function webTrailers(lines: Buffer): Buffer {
  return framed(lines, Flag.trailers)
}

/** Bytes in gRPC-Web's text form: base64, padded, so that whatever follows begins anew. */
export function webText(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64'), 'latin1')
}
