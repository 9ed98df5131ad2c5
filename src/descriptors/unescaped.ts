const plain: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, "'": 39, '"': 34, '?': 63 }

/** The bytes of a string's inside, with its escapes taken for what they say; null where one says nothing. */
export function unescaped(inside: string): Buffer | null {
  if (!inside.includes('\\')) return Buffer.from(inside)
  const parts: Buffer[] = []
  for (const piece of inside.split(/(\\(?:[0-7]{1,3}|[xX][0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^]))/)) {
    const bytes = piece.startsWith('\\') ? escaped(piece.slice(1)) : Buffer.from(piece)
    if (bytes === null) return null
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

/** Bytes as protoc writes the default of a bytes field: ASCII, all else in octal. */
export function escapedBytes(bytes: Buffer): string {
  const named: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 39: "\\'", 92: '\\\\' }
  return [...bytes]
    .map((byte) => named[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`))
    .join('')
}

function escaped(code: string): Buffer | null {
  const first = code.slice(0, 1)
  if (/^[0-7]/.test(code)) return byte(Number.parseInt(code, 8))
  if (/^x/i.test(code) && code.length > 1) return byte(Number.parseInt(code.slice(1), 16))
  if (/^u/i.test(code) && code.length > 1) return letter(Number.parseInt(code.slice(1), 16))
  const known = Object.hasOwn(plain, first) ? plain[first] : undefined
  return known === undefined ? null : byte(known)
}

function byte(value: number): Buffer | null {
  return value < 256 ? Buffer.from([value]) : null
}

function letter(code: number): Buffer | null {
  return code <= 0x10_ff_ff ? Buffer.from(String.fromCodePoint(code)) : null
}
