import { CR, isToken, isValue } from './bytes.ts'

/**
 * The grammar of chunk extensions (RFC 9112 §7.1.1), a byte at a time: `;name`, `;name=token` or `;name="quoted"`, one after another,
 * without white space around the signs. Nothing is made of them; but what is not even an extension makes the body's framing doubtful.
 */
export const extensionStart = 1
/** The extensions are over: their CR has been read. */
export const extensionEnd = 0

const inName = 2
const valueStart = 3
const inValue = 4
const quoted = 5
const escaped = 6
const afterQuote = 7

/** Where a byte leads from a place in an extension; -1 where it may not stand there. */
export function nextInExtension(place: number, byte: number): number {
  switch (place) {
    case extensionStart:
      return isToken[byte] === 1 ? inName : -1
    case valueStart:
      if (byte === QUOTE) return quoted
      return isToken[byte] === 1 ? inValue : -1
    case quoted:
      if (byte === QUOTE) return afterQuote
      if (byte === BACKSLASH) return escaped
      return isValue[byte] === 1 ? quoted : -1
    case escaped:
      return isValue[byte] === 1 ? quoted : -1
    case inName:
      if (byte === EQUALS) return valueStart
      return isToken[byte] === 1 ? inName : behind(byte)
    case inValue:
      return isToken[byte] === 1 ? inValue : behind(byte)
    default:
      return behind(byte)
  }
}

function behind(byte: number): number {
  if (byte === CR) return extensionEnd
  return byte === SEMICOLON ? extensionStart : -1
}

const QUOTE = 34
const SEMICOLON = 59
const EQUALS = 61
const BACKSLASH = 92
