import type { BodyEnd } from '../../base/ends.ts'
import type { RelayError } from '../../base/errors.ts'
import { Head } from '../head.ts'
import { codeBinary, decodeBinary } from './binary.ts'
import { Code, readCode } from './code.ts'
import { codeMessage, decodeMessage } from './message-text.ts'
import { retryInfo, writeRichStatus } from './rich-status.ts'

/** How a gRPC call ended. */
export interface GrpcStatus {
  readonly code: number
  readonly message: string
  /** The bytes of `google.rpc.Status`, where it came or goes with details. */
  readonly details: Buffer | null
}

/** The lines of a status, for a trailer section or the head of a reply without messages. */
export function statusLines({ code, message, details }: GrpcStatus): Buffer {
  const text = message === '' ? '' : `grpc-message: ${codeMessage(message)}\r\n`
  const rich = details === null ? '' : `grpc-status-details-bin: ${codeBinary(details)}\r\n`
  return Buffer.from(`grpc-status: ${code}\r\n${text}${rich}`, 'latin1')
}

/** The status that a head says, a trailer section's or that of a reply without messages; null where it says none. */
export function statusIn(head: Head): GrpcStatus | null {
  let code = -1
  let message = ''
  let details: Buffer | null = null
  for (let k = 0; k < head.count; k++) {
    if (!startsGrpc(head, k)) continue
    const name = head.name(k)
    if (name === 'grpc-status' && code < 0) code = readCode(head.value(k))
    else if (name === 'grpc-message') message = decodeMessage(head.value(k))
    else if (name === 'grpc-status-details-bin') details = decodeBinary(head.value(k))
  }
  return code < 0 ? null : { code, message, details }
}

/** A trailer section (lines with CRLF) as a head, lent until the next one is read; one that is malformed is empty. */
export function trailerHead(trailers: Buffer): Head {
  if (shared.parse(trailers, 0, trailers.length, Infinity) !== null) shared.forget()
  return shared
}

/** The status that stands in a trailer section; null where it says none. */
export function statusInTrailers(trailers: Buffer): GrpcStatus | null {
  return trailers.length === 0 ? null : statusIn(trailerHead(trailers))
}

/** What a gRPC caller is told of a failure; with the time to come back, where there is one, as a detail. */
export function statusOf(error: RelayError): GrpcStatus {
  const { grpc: code, message, retryAfterMs } = error
  if (retryAfterMs === undefined) return { code, message, details: null }
  return { code, message, details: writeRichStatus({ code, message, details: [retryInfo(retryAfterMs)] }) }
}

/** What a gRPC caller is told of a reply that breaks off. */
export function statusOfEnd(end: BodyEnd, error: RelayError | null): GrpcStatus {
  if (error !== null) return statusOf(error)
  const [code, message] = ofEnds[end]
  return { code, message, details: null }
}

/** The trailers of a gRPC reply that breaks off: its `lastTrailers`. */
export function brokenTrailers(end: BodyEnd, error: RelayError | null): Buffer {
  return statusLines(statusOfEnd(end, error))
}

const ofEnds: Readonly<Record<BodyEnd, readonly [number, string]>> = {
  done: [Code.unknown, 'the reply has no status'],
  cancelled: [Code.cancelled, 'the call was cancelled'],
  upstream_failed: [Code.unavailable, 'the upstream broke off its reply'],
  timed_out: [Code.deadlineExceeded, 'the reply took too long'],
  drained: [Code.unavailable, 'relay is shutting down'],
  failed: [Code.internal, 'the reply broke off'],
}

/** Of nearly all fields the first bytes tell that they say nothing of a status. */
function startsGrpc(head: Head, k: number): boolean {
  const at = head.lineStart(k)
  return (head.bytes[at]! | 32) === 103 && head.bytes[at + 4] === 45
}

const shared = new Head()
