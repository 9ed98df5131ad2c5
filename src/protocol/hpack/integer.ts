/** Writes an integer behind the bits of `first`, of whose byte it gets `prefix` bits (RFC 7541 §5.1); the offset behind. */
// oxlint-disable-next-line max-params -- on the path of every field
export function putInteger(out: Uint8Array, at: number, first: number, prefix: number, value: number): number {
  const most = (1 << prefix) - 1
  if (value < most) {
    out[at] = first | value
    return at + 1
  }
  out[at] = first | most
  let o = at + 1
  let rest = value - most
  while (rest >= 128) {
    out[o++] = 128 | (rest & 127)
    rest >>>= 7
  }
  out[o++] = rest
  return o
}
