/** Bytes as the value of a `-bin` field: base64 without padding. */
export function codeBinary(bytes: Buffer): string {
  const text = bytes.toString('base64')
  const padding = text.indexOf('=')
  return padding < 0 ? text : text.slice(0, padding)
}

/** The bytes that one value of a `-bin` field carries, padded or not; null where it is no base64. */
export function decodeBinary(value: string): Buffer | null {
  return isBase64.test(value) ? Buffer.from(value, 'base64') : null
}

/** Every value of a `-bin` field, which may be a list; null in the place of each that is no base64. */
export function binaryValues(value: string): (Buffer | null)[] {
  return value.split(',').map((one) => decodeBinary(one.trim()))
}

/** Whether a field's name says that its value is base64. */
export function isBinaryName(name: string): boolean {
  return name.endsWith('-bin')
}

const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/
