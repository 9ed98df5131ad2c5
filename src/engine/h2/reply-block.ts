import { putDecimal } from '../../protocol/bytes.ts'
import type { Edits } from '../../protocol/edits.ts'
import type { Head } from '../../protocol/head.ts'
import { blockRoom, type HpackEncoder } from '../../protocol/hpack/encoder.ts'
import { StaticName } from '../../protocol/hpack/static-table.ts'
import type { Reply } from '../call.ts'

/** Bytes that the header block of a reply takes at most. */
export function replyRoom({ head, edits }: Pick<Reply, 'head' | 'edits'>): number {
  const fields = head === null ? 0 : head.count
  const bytes = head === null ? 0 : head.end - head.start
  // No added line is shorter than four bytes. Relay's own are the status and a length.
  return blockRoom(bytes + edits.room + 64, fields + (edits.room >> 2) + 2)
}

/** Writes the fields of a reply where the encoder stands; `length` is that of its body, or -1. */
// oxlint-disable-next-line max-params -- the parts of a head, once a call
export function encodeReply(status: number, head: Head | null, edits: Edits, length: number, encoder: HpackEncoder): void {
  encoder.status(status)
  if (head !== null) {
    const { bytes, count, isGuarded } = head
    for (let k = 0; k < count; k++) {
      if (edits.leavesOut(head, k)) continue
      encoder.field(bytes, head.lineStart(k), head.nameEnd(k), head.valueStartOf(k), head.valueEndOf(k), isGuarded)
    }
  }
  const { added } = edits
  for (let k = 0; k < added.length; k++) encoder.lines(added[k]!, 0, added[k]!.length)
  if (length >= 0) encoder.named(StaticName.contentLength, scratch, 0, putDecimal(scratch, 0, length))
}

const scratch = Buffer.allocUnsafeSlow(32)
