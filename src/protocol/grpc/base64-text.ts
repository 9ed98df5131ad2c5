/** Reads base64 that comes in pieces, each of which may end in padding of its own: the body of gRPC-Web's text form. */
export class Base64Text {
  /** Up to three characters that wait for their fourth. */
  private rest = ''

  /** The bytes of the next characters; null where they are no base64. */
  read(bytes: Buffer): Buffer | null {
    const text = this.rest + bytes.toString('latin1')
    const whole = text.length - (text.length % 4)
    this.rest = text.slice(whole)
    return decodeGroups(text.slice(0, whole))
  }

  /** Whether it may end here. */
  get isWhole(): boolean {
    return this.rest === ''
  }
}

function decodeGroups(text: string): Buffer | null {
  if (!groups.test(text)) return null
  if (!text.includes('=')) return Buffer.from(text, 'base64')
  // A decoder stops at the first padding.
  return Buffer.concat((text.match(pieces) ?? []).map((piece) => Buffer.from(piece, 'base64')))
}

const groups = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/
const pieces = /[A-Za-z0-9+/]+={0,2}/g
