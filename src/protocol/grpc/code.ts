/** The statuses of gRPC, by number. */
export const Code = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

const names: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

const httpStatuses: readonly number[] = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]

/** The name of a status; of a number that nobody knows, `UNKNOWN`. */
export function codeName(code: number): string {
  return names[code] ?? names[Code.unknown]!
}

/** What HTTP says for a status; of a number that nobody knows, 500. */
export function httpOfCode(code: number): number {
  return httpStatuses[code] ?? 500
}

/** A status as `grpc-status` says it; `unknown` for what is no number of a status. */
export function readCode(text: string): number {
  const code = /^\d{1,10}$/.test(text) ? Number(text) : Code.unknown
  return code < names.length ? code : Code.unknown
}

/** What a reply without `grpc-status` means, by its HTTP status: nobody's success, not even that of a 200. */
export function codeOfHttp(status: number): number {
  switch (status) {
    case 400:
    case 431:
      return Code.internal
    case 401:
      return Code.unauthenticated
    case 403:
      return Code.permissionDenied
    case 404:
      return Code.unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.unavailable
    default:
      return Code.unknown
  }
}

/** What a stream means that was reset, by the error code of HTTP/2. */
export function codeOfReset(code: number): number {
  switch (code) {
    case 7: // REFUSED_STREAM
      return Code.unavailable
    case 8: // CANCEL
      return Code.cancelled
    case 11: // ENHANCE_YOUR_CALM
      return Code.resourceExhausted
    case 12: // INADEQUATE_SECURITY
      return Code.permissionDenied
    default:
      return Code.internal
  }
}
