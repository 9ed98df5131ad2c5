import type { Reply } from '../engine/call.ts'
import { equalsFolded } from '../protocol/bytes.ts'
import { Name } from '../protocol/names.ts'

/** Whether a reply is a stream of events (`text/event-stream`, whatever parameters follow). */
export function isEventStream(reply: Reply): boolean {
  return hasType(reply, eventStream)
}

/** Whether a reply lasts, and is counted and drained as a stream: of events, of gRPC messages, or a tunnel. */
export function isStream(reply: Reply): boolean {
  return reply.isTunnel || (reply.isStream ?? (hasType(reply, eventStream) || hasPrefix(reply, grpc)))
}

/** Whether a reply is JSON. */
export function isJson(reply: Reply): boolean {
  return hasType(reply, json)
}

function hasType({ head }: Reply, type: Buffer): boolean {
  if (head === null || !head.has(Name.contentType)) return false
  const start = head.valueStart(Name.contentType)
  const end = start + type.length
  if (end > head.valueEnd(Name.contentType) || !equalsFolded(head.bytes, start, end, type)) return false
  const next = head.bytes[end]
  return end === head.valueEnd(Name.contentType) || next === 59 || next === 32 || next === 9
}

function hasPrefix({ head }: Reply, prefix: Buffer): boolean {
  if (head === null || !head.has(Name.contentType)) return false
  const start = head.valueStart(Name.contentType)
  return start + prefix.length <= head.valueEnd(Name.contentType) && equalsFolded(head.bytes, start, start + prefix.length, prefix)
}

const grpc = Buffer.from('application/grpc')
const eventStream = Buffer.from('text/event-stream')
const json = Buffer.from('application/json')
