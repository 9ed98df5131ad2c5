import { equalsFolded } from '../bytes.ts'
import type { Head } from '../head.ts'
import { Name } from '../names.ts'

/** The place of the first field of this name (lower case) in a head, -1 where there is none: for names that relay has no number for. */
export function fieldAt(head: Head, name: Uint8Array): number {
  const { bytes, count } = head
  for (let k = 0; k < count; k++) {
    const from = head.lineStart(k)
    const to = head.nameEnd(k)
    if (to - from === name.length && equalsFolded(bytes, from, to, name) && head.idOf(k) !== Name.dropped) return k
  }
  return -1
}

/** The value of the first field of this name, or null. */
export function fieldText(head: Head, name: Uint8Array): string | null {
  const k = fieldAt(head, name)
  return k < 0 ? null : head.value(k)
}
