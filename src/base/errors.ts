/** Every way in which a call can fail in relay, each with what an HTTP, a gRPC and a Claude client gets. */
export type Failure = keyof typeof failures

/** What a caller is told of a failure: HTTP status, gRPC status code, and the `error.type` of the Claude API. */
export interface FailureShape {
  readonly http: number
  readonly grpc: number
  readonly claude: string
}

export const failures = {
  bad_request: { http: 400, grpc: 3, claude: 'invalid_request_error' },
  unauthenticated: { http: 401, grpc: 16, claude: 'authentication_error' },
  forbidden: { http: 403, grpc: 7, claude: 'permission_error' },
  no_route: { http: 404, grpc: 12, claude: 'not_found_error' },
  method_not_allowed: { http: 405, grpc: 12, claude: 'invalid_request_error' },
  too_large: { http: 413, grpc: 8, claude: 'request_too_large' },
  unsupported_type: { http: 415, grpc: 12, claude: 'invalid_request_error' },
  uri_too_long: { http: 414, grpc: 3, claude: 'invalid_request_error' },
  expectation_failed: { http: 417, grpc: 3, claude: 'invalid_request_error' },
  misdirected: { http: 421, grpc: 7, claude: 'permission_error' },
  head_too_large: { http: 431, grpc: 8, claude: 'invalid_request_error' },
  slow_caller: { http: 408, grpc: 4, claude: 'timeout_error' },
  version_not_supported: { http: 505, grpc: 12, claude: 'invalid_request_error' },
  not_supported: { http: 501, grpc: 12, claude: 'not_supported' },
  over_limit: { http: 429, grpc: 8, claude: 'rate_limit_error' },
  over_budget: { http: 429, grpc: 8, claude: 'billing_error' },
  overloaded: { http: 503, grpc: 14, claude: 'overloaded_error' },
  cancelled: { http: 499, grpc: 1, claude: 'api_error' },
  internal: { http: 500, grpc: 13, claude: 'api_error' },
  upstream_failed: { http: 502, grpc: 14, claude: 'api_error' },
  unavailable: { http: 503, grpc: 14, claude: 'overloaded_error' },
  timed_out: { http: 504, grpc: 4, claude: 'timeout_error' },
} as const satisfies Record<string, FailureShape>

/** How a failure is told: `shouldRetry` becomes `x-should-retry`, `retryAfterMs` becomes `Retry-After` (whole seconds, rounded up). */
export interface RelayErrorOptions {
  readonly cause?: unknown
  readonly retryAfterMs?: number
  readonly shouldRetry?: boolean
  /** The gRPC status, where that of the failure says less than is known. */
  readonly grpc?: number
  /** Whole header lines (each with CRLF) that go out with it. */
  readonly lines?: readonly Buffer[]
}

/** A call that failed: the kind decides what the caller gets, the message names the thing and its value, the cause is only logged. */
export class RelayError extends Error {
  readonly failure: Failure
  readonly retryAfterMs: number | undefined
  readonly shouldRetry: boolean | undefined
  readonly grpc: number
  readonly lines: readonly Buffer[]

  constructor(failure: Failure, message: string, options: RelayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RelayError'
    this.failure = failure
    this.retryAfterMs = options.retryAfterMs
    this.shouldRetry = options.shouldRetry
    this.grpc = options.grpc ?? failures[failure].grpc
    this.lines = options.lines ?? []
  }
}

/** One thing that is wrong with a configuration or a flag, where it stands (line and column from 1), and what to do about it. */
export interface Problem {
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly path: string
  readonly message: string
  readonly remedy: string
}

/** A configuration or a command line that cannot be used: all of its problems at once. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemLine).join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** A problem as one line: `relay.yaml:3:5 routes.v1/user: … (remedy)`. */
export function problemLine(problem: Problem): string {
  const place = problem.file === undefined ? '' : `${problem.file}:${problem.line ?? 1}:${problem.column ?? 1} `
  const path = problem.path === '' ? '' : `${problem.path}: `
  return `${place}${path}${problem.message} (${problem.remedy})`
}
