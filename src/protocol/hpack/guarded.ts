import { FieldFlag, type FieldLines } from './field-lines.ts'
import { Manner, mannerOf, staticName } from './static-names.ts'

/** Whether there is a field that nobody may index, as its sender said, besides those that are never indexed anyway. */
export function holdsGuarded(lines: FieldLines): boolean {
  if ((lines.flags & FieldFlag.neverIndexed) === 0) return false
  for (let k = 0; k < lines.count; k++) {
    if ((lines.flagsOf(k) & FieldFlag.neverIndexed) === 0) continue
    if (mannerOf(staticName(lines.bytes, lines.nameStart(k), lines.nameEnd(k))) !== Manner.secret) return true
  }
  return false
}
