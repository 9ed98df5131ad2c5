/** How a body is delimited, read from a head: bytes, chunks, or the connection's end. */
export type Framing = { readonly is: 'length'; readonly length: number } | { readonly is: 'chunked' } | { readonly is: 'until-close' }

/** A message's body as it comes in, cut anywhere; written for the tests, so that relay's own decoder is not its own judge. */
export interface BodyReader {
  /** Takes bytes; what came behind the body's end, once it is there, else null. */
  read(bytes: Buffer): Buffer | null
  /** The bytes of a chunked body's last chunk have been seen, or all that were declared. */
  readonly isWhole: () => boolean
}

/** Reads a head's fields, names in lower case; of a field that comes twice both values, joined by a comma. */
export function fieldsOf(head: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value)
  }
  return fields
}

/** How the body behind this head is delimited; `otherwise` where the head does not say. */
export function framingOf(fields: ReadonlyMap<string, string>, otherwise: Framing): Framing {
  if (fields.get('transfer-encoding') === 'chunked') return { is: 'chunked' }
  const length = fields.get('content-length')
  return length === undefined ? otherwise : { is: 'length', length: Number(length) }
}

/** Reads a body, and shows each of its pieces. */
export function bodyReader(framing: Framing, show: (piece: Buffer) => void): BodyReader {
  if (framing.is === 'chunked') return chunkReader(show)
  let left = framing.is === 'length' ? framing.length : Infinity
  return {
    isWhole: () => left === 0,
    read: (bytes) => {
      const take = Math.min(left, bytes.length)
      if (take > 0) show(bytes.subarray(0, take))
      left -= take
      return left === 0 ? bytes.subarray(take) : null
    },
  }
}

function chunkReader(show: (piece: Buffer) => void): BodyReader {
  let pending: Buffer = Buffer.alloc(0)
  let left = 0
  let isWhole = false
  /** Whether there is more to be done with what has come. */
  const step = (): boolean => {
    if (left > 0) {
      const take = Math.min(left, pending.length)
      if (take > 0) show(pending.subarray(0, take))
      pending = pending.subarray(take)
      left -= take
      if (left > 0) return false
    }
    // The line that ends a chunk, if there was one, is empty: it and the next chunk's size line are read alike.
    const end = pending.indexOf('\r\n')
    if (end < 0) return false
    const line = pending.toString('latin1', 0, end)
    if (line === '0') {
      const last = pending.indexOf('\r\n\r\n', end)
      if (last < 0) return false
      pending = pending.subarray(last + 4)
      isWhole = true
      return false
    }
    pending = pending.subarray(end + 2)
    left = line === '' ? 0 : Number.parseInt(line, 16)
    return true
  }
  return {
    isWhole: () => isWhole,
    read: (bytes) => {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
      let goesOn = true
      while (goesOn) goesOn = step()
      return isWhole ? pending : null
    },
  }
}
