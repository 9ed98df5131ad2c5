import type { Call } from '../engine/call.ts'
import { fieldName, type Edits } from '../protocol/edits.ts'
import { binaryValues, isBinaryName } from '../protocol/grpc/binary.ts'
import type { Head } from '../protocol/head.ts'
import { notInTrailers } from '../protocol/names.ts'

/** Takes away what a caller of HTTP may send and gRPC cannot carry: bytes beyond ASCII, and `-bin` fields that are no base64. */
export function dropUnfit(call: Call): void {
  const { fields } = call.head
  for (let k = 0; k < fields.count; k++) if (!isFit(fields, k)) call.edits.remove(fieldName(fields.name(k)))
}

function isFit(head: Head, k: number): boolean {
  const { bytes } = head
  const to = head.lineEnd(k)
  for (let i = head.nameEnd(k); i < to; i++) if (bytes[i]! > 126) return false
  const last = head.nameEnd(k) - 4
  if (last <= head.lineStart(k) || bytes[last] !== 45) return true
  return !isBinaryName(head.name(k)) || !binaryValues(head.value(k)).includes(null)
}

/** Adds trailing metadata to a head that has not gone out: what is gRPC's own, and what no trailer may say, stays away. */
export function addTrailing(trailers: Head, edits: Edits): void {
  for (let k = 0; k < trailers.count; k++) {
    const name = trailers.name(k)
    if (name.startsWith('grpc-') || (notInTrailers & (1 << trailers.idOf(k)) & ~1) !== 0) continue
    edits.add(fieldName(name), trailers.value(k))
  }
}
