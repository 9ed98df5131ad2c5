import { staticLines, staticNameLengths } from './static-lines.ts'

/** How a field is written, by its name. */
export const Manner = {
  /** By the table, where its line repeats. */
  mayRepeat: 0,
  /** As a literal: its value hardly ever repeats, or tells what the table should not. */
  literal: 1,
  /** As a literal that nobody may ever index: credentials (RFC 7541 §7.1.3). */
  secret: 2,
} as const

const secrets = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie'])
const hardlyRepeated = new Set([
  'age',
  'content-length',
  'content-range',
  'date',
  'etag',
  'expires',
  'if-modified-since',
  'if-none-match',
  'last-modified',
  'location',
])
/** Behind the static table: the one secret that is not in it. */
const apiKey = staticLines.length

/** Names by index; the first of them stands for every name that the table has not. */
export const names: readonly Uint8Array[] = [
  ...staticLines.map((line, index) => line.slice(0, staticNameLengths[index])),
  bytesOf('x-api-key'),
]

const manners = Uint8Array.from(names, (name) => {
  const text = String.fromCharCode(...name)
  if (text === 'x-api-key' || secrets.has(text)) return Manner.secret
  return hardlyRepeated.has(text) ? Manner.literal : Manner.mayRepeat
})

/** Where the entries end that have this one's name, and a value; none for names without values. */
const runEnds = Uint8Array.from(staticLines, (line, index) => {
  const name = names[index]!
  if (line.length === name.length + 4) return 0
  let end = index
  while (staticNameLengths[end] === name.length && isAt(staticLines[end]!, 0, name, 0, name.length)) end++
  return end
})

/** ASCII letters in lower case, every other byte as it is. */
export const lower: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte))

/** The first index of a name in the static table, by a sum in which no two names meet. */
const byHash = new Uint8Array(256)
for (let index = names.length - 1; index > 0; index--) byHash[hash(names[index]!, 0, names[index]!.length)] = index

/** The first index of a name in the static table (one behind its end for `x-api-key`), or 0. */
export function staticName(bytes: Uint8Array, from: number, to: number): number {
  const index = byHash[hash(bytes, from, to)]!
  const name = names[index]!
  if (name.length !== to - from || index === 0) return 0
  for (let i = 0; i < name.length; i++) if (lower[bytes[from + i]!] !== name[i]) return 0
  return index
}

/** The index under which a name is written: 0 for one that only `staticName` knows. */
export function writtenName(index: number): number {
  return index === apiKey ? 0 : index
}

/** How a field of this name is written. */
export function mannerOf(index: number): number {
  return manners[index]!
}

/** The static entry with this name and value, or 0; `index` is the name's first. */
export function staticField(index: number, bytes: Uint8Array, from: number, to: number): number {
  const valueAt = names[index]!.length + 2
  for (let i = index; i < runEnds[index]!; i++) {
    const line = staticLines[i]!
    if (line.length - valueAt - 2 === to - from && isAt(line, valueAt, bytes, from, to)) return i
  }
  return 0
}

/** Whether the bytes between two offsets stand in a line at `at`. */
// oxlint-disable-next-line max-params -- two pairs of bytes and offsets, on the path of every field
export function isAt(line: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from, k = at; i < to; i++, k++) if (line[k] !== bytes[i]) return false
  return true
}

/** The factors were searched for: with them no two names of the table meet. */
function hash(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  return (lower[bytes[from]!]! + lower[bytes[to - 1]!]! + 5 * lower[bytes[from + (length >> 1)]!]! + 58 * length) & 255
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
