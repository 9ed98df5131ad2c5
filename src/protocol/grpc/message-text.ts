import { hexValue } from '../bytes.ts'

/** A text as `grpc-message` carries it: UTF-8, percent-coded but for visible ASCII and inner spaces. */
export function codeMessage(text: string): string {
  if (plain.test(text)) return text
  const bytes = Buffer.from(text, 'utf8')
  let out = ''
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    // A field's value loses the spaces at its ends.
    const isKept = byte > 32 && byte < 127 ? byte !== 37 : byte === 32 && i > 0 && i < bytes.length - 1
    out += isKept ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** The text that a `grpc-message` carries (a character a byte); it never fails: what is no code stands for itself. */
export function decodeMessage(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  let o = 0
  for (let i = 0; i < bytes.length; i++, o++) {
    const high = bytes[i] === 37 && i + 2 < bytes.length ? hexValue[bytes[i + 1]!]! : 255
    const low = high === 255 ? 255 : hexValue[bytes[i + 2]!]!
    if (low === 255) bytes[o] = bytes[i]!
    else {
      bytes[o] = high * 16 + low
      i += 2
    }
  }
  return bytes.toString('utf8', 0, o)
}

const plain = /^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/
