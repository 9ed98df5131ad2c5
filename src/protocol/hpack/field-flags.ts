import { COLON, SPACE, TAB, isToken, isValue } from '../bytes.ts'
import { FieldFlag } from './field-lines.ts'

/** What a byte of a name says of its field. */
const ofNameByte = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 65 && byte <= 90 ? FieldFlag.upperCase : isToken[byte] === 1 ? 0 : FieldFlag.badName,
)

/** What the bytes of a name say of its field. */
export function nameFlags(bytes: Uint8Array, from: number, to: number): number {
  const isPseudo = from < to && bytes[from] === COLON
  let flags = isPseudo ? FieldFlag.pseudo : 0
  const start = isPseudo ? from + 1 : from
  if (start >= to) return flags | FieldFlag.badName
  for (let i = start; i < to; i++) flags |= ofNameByte[bytes[i]!]!
  return flags
}

/** What the bytes of a value say of its field. */
export function valueFlags(bytes: Uint8Array, from: number, to: number): number {
  if (to === from) return 0
  let isGood = 1
  for (let i = from; i < to; i++) isGood &= isValue[bytes[i]!]!
  const first = bytes[from]!
  const last = bytes[to - 1]!
  const isTrimmed = first !== SPACE && first !== TAB && last !== SPACE && last !== TAB
  return isGood === 1 && isTrimmed ? 0 : FieldFlag.badValue
}
