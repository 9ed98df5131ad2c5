import { codeLengths, codes } from '../../src/protocol/hpack/huffman-codes.ts'

/** Bytes that a string takes when it is coded. */
export function huffmanLength(bytes: Uint8Array, from: number, to: number): number {
  let bits = 0
  for (let i = from; i < to; i++) bits += codeLengths[bytes[i]!]!
  return (bits + 7) >> 3
}

/** Codes bytes between two offsets to `at`; the offset behind. */
// oxlint-disable-next-line max-params -- two buffers and their offsets
export function huffmanEncode(bytes: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  let o = at
  let pending = 0
  let bits = 0
  for (let i = from; i < to; i++) {
    const symbol = bytes[i]!
    let length = codeLengths[symbol]!
    const code = codes[symbol]!
    // At most 7 bits are pending, so a code goes in pieces that leave the sum within 31.
    if (length > 24) {
      length -= 8
      pending = (pending << 8) | (code >>> length)
      out[o++] = pending >>> bits
      pending &= (1 << bits) - 1
    }
    pending = (pending << length) | (code & ((1 << length) - 1))
    bits += length
    while (bits >= 8) {
      bits -= 8
      out[o++] = pending >>> bits
    }
    pending &= (1 << bits) - 1
  }
  if (bits > 0) out[o++] = (pending << (8 - bits)) | (255 >> bits)
  return o
}
