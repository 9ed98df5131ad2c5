import type { BodyEnd } from './ends.ts'
import type { TokenCounts } from './tokens.ts'

/** What the access log says of a call. Nothing in here may hold a credential; a query is cut off the path. */
export interface AccessFields {
  readonly id: string
  readonly route: string
  readonly method: string
  readonly path: string
  readonly status: number
  /** `refused`: by relay, before it went out. */
  readonly end: BodyEnd | 'refused'
  readonly ms: number
  /** null when no byte of a reply came. */
  readonly firstByteMs: number | null
  /** null when the call never had an upstream. */
  readonly upstream: string | null
  readonly bytesIn: number
  readonly bytesOut: number
  /** The caller's address. */
  readonly client: string
  /** Why relay itself refused or failed the call. */
  readonly failure: string | null
  readonly tokens: TokenCounts | null
  /** null where nobody was asked for a key, or the key was nobody's. */
  readonly tenant: string | null
  /** The model that answered, else the one asked for; null where none is known. */
  readonly model: string | null
}

/**
 * One call as one line of JSON. It is put together by hand, since this runs once a call: a general serializer takes several
 * times as long.
 */
export function accessLine(call: AccessFields, nowMs: number): string {
  let line = `{"level":"info","time":"${isoTime(nowMs)}","id":${quoted(call.id)},"route":${quoted(call.route)}`
  line += `,"method":${quoted(call.method)},"path":${quoted(plainPath(call.path))},"status":${call.status},"end":"${call.end}"`
  line += `,"ms":${rounded(call.ms)},"firstByteMs":${call.firstByteMs === null ? 'null' : rounded(call.firstByteMs)}`
  line += `,"upstream":${call.upstream === null ? 'null' : quoted(call.upstream)},"bytesIn":${call.bytesIn},"bytesOut":${call.bytesOut}`
  line += `,"client":${quoted(call.client)}`
  if (call.tenant !== null) line += `,"tenant":${quoted(call.tenant)}`
  if (call.model !== null) line += `,"model":${quoted(call.model)}`
  if (call.failure !== null) line += `,"failure":${quoted(call.failure)}`
  if (call.tokens !== null) line += tokenFields(call.tokens)
  return line + ',"msg":"call"}\n'
}

// Longer texts (a path, most likely) are cut, so that a line stays well below what a pipe takes in one piece.
const longest = 512
const unsafe = /["\\\p{Cc}\p{Cs}\u2028\u2029]/u
// What JSON leaves as it is, though a terminal or a line reader may act on it.
const unsafeInJson = /[\u007f-\u009f\u2028\u2029]/g

function quoted(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text
  if (!unsafe.test(short)) return `"${short}"`
  return JSON.stringify(short).replace(unsafeInJson, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function plainPath(path: string): string {
  const query = path.indexOf('?')
  return query === -1 ? path : path.slice(0, query)
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function tokenFields(tokens: TokenCounts): string {
  return (
    `,"inputTokens":${tokens.input},"outputTokens":${tokens.output},"cacheWrite5mTokens":${tokens.cacheWrite5m}` +
    `,"cacheWrite1hTokens":${tokens.cacheWrite1h},"cacheReadTokens":${tokens.cacheRead},"estimated":${tokens.estimated}`
  )
}

let lastMs = -1
let lastTime = ''

function isoTime(nowMs: number): string {
  if (nowMs !== lastMs) {
    lastMs = nowMs
    lastTime = new Date(nowMs).toISOString()
  }
  return lastTime
}
