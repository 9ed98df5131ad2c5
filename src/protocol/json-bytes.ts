/** The bytes that JSON is made of, and what each begins or ends. */

export const quote = 0x22
export const backslash = 0x5c
export const colon = 0x3a
export const comma = 0x2c
export const openBrace = 0x7b
export const closeBrace = 0x7d

/** Most strings end within so many bytes: a native search costs more than it saves there. */
const nearBytes = 32

export const isOther = 0
export const isQuote = 1
export const isOpen = 2
const isClose = 3
/** What a byte is, outside of a text. */
export const kinds = new Uint8Array(256)
kinds[quote] = isQuote
for (const byte of Buffer.from('{[')) kinds[byte] = isOpen
for (const byte of Buffer.from('}]')) kinds[byte] = isClose

/** Whether a byte can stand in a number or a word. */
export function isWordByte(byte: number): boolean {
  return byte > 0x20 && kinds[byte] === isOther && byte !== comma && byte !== colon
}

/** Where the next quote stands, escaped or not; -1: in none of these bytes. */
export function nextQuote(bytes: Buffer, from: number): number {
  const near = Math.min(bytes.length, from + nearBytes)
  for (let at = from; at < near; at++) if (bytes[at] === quote) return at
  return near < bytes.length ? bytes.indexOf(quote, near) : -1
}

/** Where the quote stands that ends a text, if it is short, has no escapes, and ends within these bytes; else -1. */
export function plainEnd(bytes: Buffer, from: number): number {
  const near = Math.min(bytes.length, from + nearBytes)
  for (let at = from; at < near; at++) {
    const byte = bytes[at]
    if (byte === quote) return at
    if (byte === backslash) return -1
  }
  return -1
}

/** Behind the white space that begins here. */
export function skipBlanks(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at]! <= 0x20 && isBlank(bytes[at]!)) at++
  return at
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
