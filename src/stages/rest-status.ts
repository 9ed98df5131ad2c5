import { Code, codeOfHttp } from '../protocol/grpc/code.ts'
import { retryInfo, writeRichStatus } from '../protocol/grpc/rich-status.ts'
import type { GrpcStatus } from '../protocol/grpc/status.ts'
import type { Statuses } from '../transcode/types.ts'

/** What a REST backend answered that is no success. */
export interface RestFailure {
  readonly status: number
  readonly body: Buffer
  readonly isJson: boolean
  /** Seconds, as `Retry-After` says; null: it does not. */
  readonly retryAfter: string | null
}

/**
 * The gRPC status of a REST backend's failure: what its body says, where that is a `google.rpc.Status`; else by its HTTP status. A backend
 * that explains itself in JSON means what it says (429: RESOURCE_EXHAUSTED, as `google.rpc.Code` has it); of any other answer nobody
 * knows who gave it, and the table for broken gRPC holds (429: UNAVAILABLE).
 */
export function statusOfRest({ status, body, isJson, retryAfter }: RestFailure, statuses: Statuses): GrpcStatus {
  const said = isJson ? statuses.fromJson(body) : null
  if (said !== null && said.code !== Code.ok) {
    return { code: said.code, message: short(said.message), details: said.details.length === 0 ? null : Buffer.from(said.details) }
  }
  const error = isJson ? errorIn(body) : null
  const code = error === null ? codeOfHttp(status) : (byHttp.get(status) ?? byClass(status))
  return withRetry(code, error?.message ?? `the upstream answered with HTTP status ${status}`, retryAfter)
}

/** The gRPC status of an error that a backend tells inside a stream of events, in the shape of the Claude API or any like it. */
export function statusOfEvent(data: Buffer, statuses: Statuses): GrpcStatus {
  const isShort = data.length <= mostExplanation
  const said = isShort ? statuses.fromJson(data) : null
  if (said !== null && said.code !== Code.ok) return { code: said.code, message: short(said.message), details: null }
  const error = isShort ? errorIn(data) : null
  return { code: byType.get(error?.type ?? '') ?? Code.unknown, message: error?.message ?? 'the upstream told an error', details: null }
}

interface TextError {
  readonly type: string
  readonly message: string
}

/** What an error in JSON says, wherever the usual shapes have it; null: it is no JSON object. */
function errorIn(body: Buffer): TextError | null {
  const whole = objectIn(body)
  if (whole === null) return null
  const inner = 'error' in whole ? whole.error : null
  const from = typeof inner === 'object' && inner !== null ? inner : whole
  const message = 'message' in from && typeof from.message === 'string' ? from.message : typeof inner === 'string' ? inner : ''
  const type = 'type' in from && typeof from.type === 'string' ? from.type : ''
  return { type, message: short(message === '' ? body.toString('utf8', 0, 1024) : message) }
}

/** As much of a message as a header field may hold: whole characters. */
function short(message: string): string {
  const bytes = Buffer.from(message.length > mostMessage ? message.slice(0, mostMessage) : message)
  if (bytes.length <= mostMessage) return bytes.toString()
  let end = mostMessage
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** Bytes of a failure's explanation that are read. */
export const mostExplanation = 65_536
/** Bytes of its message that are told. */
const mostMessage = 4096

function objectIn(body: Buffer): object | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function withRetry(code: number, message: string, retryAfter: string | null): GrpcStatus {
  if (retryAfter === null || !/^\d{1,6}$/.test(retryAfter)) return { code, message, details: null }
  return { code, message, details: writeRichStatus({ code, message, details: [retryInfo(Number(retryAfter) * 1000)] }) }
}

function byClass(status: number): number {
  if (status >= 500) return Code.internal
  return status >= 400 ? Code.failedPrecondition : Code.unknown
}

/** `google/rpc/code.proto`, read backwards; 413 and 529 as gRPC and the Claude API mean them. */
const byHttp: ReadonlyMap<number, number> = new Map([
  [400, Code.invalidArgument],
  [401, Code.unauthenticated],
  [402, Code.resourceExhausted],
  [403, Code.permissionDenied],
  [404, Code.notFound],
  [408, Code.deadlineExceeded],
  [409, Code.aborted],
  [412, Code.failedPrecondition],
  [413, Code.resourceExhausted],
  [416, Code.outOfRange],
  [422, Code.invalidArgument],
  [429, Code.resourceExhausted],
  [499, Code.cancelled],
  [501, Code.unimplemented],
  [502, Code.unavailable],
  [503, Code.unavailable],
  [504, Code.deadlineExceeded],
  [529, Code.unavailable],
])

/** The types of errors of the Claude API. */
const byType: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', Code.invalidArgument],
  ['authentication_error', Code.unauthenticated],
  ['billing_error', Code.resourceExhausted],
  ['permission_error', Code.permissionDenied],
  ['not_found_error', Code.notFound],
  ['conflict_error', Code.aborted],
  ['request_too_large', Code.resourceExhausted],
  ['rate_limit_error', Code.resourceExhausted],
  ['timeout_error', Code.deadlineExceeded],
  ['api_error', Code.internal],
  ['overloaded_error', Code.unavailable],
])
