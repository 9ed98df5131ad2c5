/** A buffer with room for `needed` bytes: the same one, or a larger one that holds its first `used` bytes. The bound is the caller's. */
export function roomFor(buffer: Buffer, used: number, needed: number): Buffer {
  if (needed <= buffer.length) return buffer
  const larger = Buffer.allocUnsafe(Math.max(needed, 2 * buffer.length, 256))
  buffer.copy(larger, 0, 0, used)
  return larger
}
