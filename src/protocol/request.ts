import { isIPv6 } from 'node:net'
import { SPACE, hexValue, isTarget, isToken, latin1 } from './bytes.ts'
import { Head, refusal, type Refusal } from './head.ts'
import { Name } from './names.ts'

/**
 * The head of a request: method, target and fields. The target is kept as offsets into the bytes; path and host become strings,
 * because routing needs them. An absolute-form target is read as its origin form, its authority as the host (RFC 9112 §3.2.2).
 */
export class RequestHead {
  readonly fields = new Head()
  method = ''
  /** 1 or 2: of HTTP/2 it is the same head, put into these bytes by relay; `minor` is 1 then. */
  major = 1
  minor = 1
  /** Where path and query stand in the bytes: path from `pathStart` to `pathEnd`, query (with its `?`) from there to `targetEnd`. */
  pathStart = 0
  pathEnd = 0
  targetEnd = 0
  /** The path as it came, never decoded; `/` where an absolute-form target has none. */
  path = ''
  /** Authority as it came, without userinfo; '' in HTTP/1.0 without Host. */
  authority = ''

  /** Reads a whole head: `end` is the offset of the empty line that ends it. */
  parse(bytes: Buffer, start: number, end: number, maxFields: number): Refusal | null {
    this.major = 1
    const line = this.requestLine(bytes, start)
    if (typeof line !== 'number') return line
    return this.fields.parse(bytes, line, end, maxFields) ?? this.checkHost(bytes)
  }

  /** The query with its `?`, or ''. */
  query(): string {
    return latin1(this.fields.bytes, this.pathEnd, this.targetEnd)
  }

  private requestLine(bytes: Buffer, start: number): number | Refusal {
    let at = start
    while (isToken[bytes[at]!] === 1) at++
    if (at === start || at - start > maxMethod || bytes[at] !== SPACE) return refusals.method
    this.method = methodText(bytes, start, at)
    const targetStart = ++at
    while (isTarget[bytes[at]!] === 1) at++
    if (bytes[at] !== SPACE) return this.targetEnds(bytes, at, targetStart)
    this.targetEnd = at
    const minor = versionAt(bytes, at + 1)
    if (minor < 0) return refusals.version
    if (minor > 1) return refusals.unsupportedVersion
    this.minor = minor
    return this.target(bytes, targetStart, at) ?? at + 11
  }

  private targetEnds(bytes: Buffer, at: number, targetStart: number): Refusal {
    if (bytes[at] === 35) return refusals.fragment
    const isWholeLine = bytes[at] === 13 && bytes[at + 1] === 10
    return isWholeLine && bytes[targetStart] === 47 ? refusals.ancient : refusals.target
  }

  private target(bytes: Buffer, start: number, end: number): Refusal | null {
    if (this.method === 'CONNECT') return refusals.connect
    this.authority = ''
    const first = bytes[start]
    if (first === 47) this.pathStart = start
    else if (first === 42 && end === start + 1) return this.asterisk(start)
    else {
      const refused = this.absolute(bytes, start, end)
      if (refused !== null) return refused
    }
    const query = bytes.subarray(this.pathStart, end).indexOf(63)
    this.pathEnd = query < 0 ? end : this.pathStart + query
    this.path = this.pathEnd === this.pathStart ? '/' : latin1(bytes, this.pathStart, this.pathEnd)
    return checkTarget(this.path, bytes, this.pathStart, end)
  }

  private asterisk(start: number): Refusal | null {
    if (this.method !== 'OPTIONS') return refusals.target
    this.pathStart = start
    this.pathEnd = this.targetEnd
    this.path = '*'
    return null
  }

  private absolute(bytes: Buffer, start: number, end: number): Refusal | null {
    const text = latin1(bytes, start, end)
    const match = /^https?:\/\/([^/?]*)/i.exec(text)
    if (match === null) return refusals.target
    const authority = match[1]!
    if (authority.includes('@')) return refusals.userinfo
    if (!isAuthority(authority)) return refusals.target
    this.authority = authority
    this.pathStart = start + match[0].length
    return null
  }

  private checkHost(bytes: Buffer): Refusal | null {
    const { fields } = this
    if (!fields.has(Name.host)) return this.minor === 1 ? refusals.noHost : null
    if (fields.isDoubled(Name.host)) return refusals.twoHosts
    const host = latin1(bytes, fields.valueStart(Name.host), fields.valueEnd(Name.host))
    if (host !== lastHost) {
      if (!isAuthority(host)) return host.includes('@') ? refusals.userinfo : refusals.host
      lastHost = host
    }
    if (this.authority === '') this.authority = host
    return null
  }
}

const maxMethod = 32
const refusals = {
  method: refusal('bad_request', 'malformed request line: method'),
  target: refusal('bad_request', 'malformed request target'),
  fragment: refusal('bad_request', 'fragment in the request target'),
  userinfo: refusal('bad_request', 'userinfo in the request target or Host'),
  version: refusal('bad_request', 'malformed request line: version'),
  unsupportedVersion: refusal('version_not_supported', 'only HTTP/1.0 and HTTP/1.1 are spoken here'),
  ancient: refusal('version_not_supported', 'HTTP/0.9 is not spoken here'),
  connect: refusal('not_supported', 'CONNECT is not supported'),
  noHost: refusal('bad_request', 'Host is missing'),
  twoHosts: refusal('bad_request', 'more than one Host'),
  host: refusal('bad_request', 'malformed or empty Host'),
  dots: refusal('bad_request', 'dot segment in the path'),
  percent: refusal('bad_request', 'malformed percent-coding in the request target'),
}

// Nearly every call of a process names the same host, so its check is remembered: one string, replaced when another is good.
let lastHost = ''

function methodText(bytes: Buffer, from: number, to: number): string {
  if (to - from === 4 && bytes[from] === 80 && bytes[from + 1] === 79 && bytes[from + 2] === 83 && bytes[from + 3] === 84) return 'POST'
  if (to - from === 3 && bytes[from] === 71 && bytes[from + 1] === 69 && bytes[from + 2] === 84) return 'GET'
  return latin1(bytes, from, to)
}

/** 0 or 1 for `HTTP/1.0` and `HTTP/1.1` with CRLF behind; above 1 for a version that is well-formed but not ours; -1 for anything else. */
function versionAt(bytes: Buffer, at: number): number {
  // "HTTP/" and the dot, byte by byte: no string is made.
  if (bytes[at] !== 72 || bytes[at + 1] !== 84 || bytes[at + 2] !== 84 || bytes[at + 3] !== 80 || bytes[at + 4] !== 47) return -1
  if (bytes[at + 6] !== 46 || bytes[at + 8] !== 13 || bytes[at + 9] !== 10) return -1
  const major = bytes[at + 5]! - 48
  const minor = bytes[at + 7]! - 48
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return -1
  return major === 1 ? minor : 99
}

/** A host with an optional port, as it may stand in Host (RFC 9110 §7.2): no userinfo, not empty. */
function isAuthority(text: string): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}){1,255}))(?::(\d{0,5}))?$/.exec(text)
  if (match === null || (match[1] !== undefined && !isIPv6(match[1]))) return false
  const port = match[3]
  return port === undefined || port === '' || Number(port) <= 65535
}

function checkTarget(path: string, bytes: Buffer, from: number, to: number): Refusal | null {
  let hasDot = false
  for (let i = from; i < to; i++) {
    const byte = bytes[i]
    if (byte === 46) hasDot = true
    else if (byte === 37) {
      if (!isHexPair(bytes, i + 1, to)) return refusals.percent
      hasDot = true
    }
  }
  return hasDot && hasDotSegment(path) ? refusals.dots : null
}

function isHexPair(bytes: Buffer, at: number, end: number): boolean {
  return at + 1 < end && hexValue[bytes[at]!] !== 255 && hexValue[bytes[at + 1]!] !== 255
}

/**
 * Whether a path holds `.` or `..` as a segment in any coding: percent-coded (once or more often), behind a coded slash or
 * backslash, or with a `;` parameter, since some origins resolve each of these.
 */
function hasDotSegment(path: string): boolean {
  return /(?:^|[/\\])\.\.?(?:[/\\;]|$)/.test(path.includes('%') ? decoded(path) : path)
}

/** A text without percent-coding, however often it was coded. One pass: a character that is decoded may end a code that began before it. */
function decoded(text: string): string {
  const out: string[] = []
  for (const character of text) {
    out.push(character)
    for (let at = out.length - 3; at >= 0 && out[at] === '%'; at = out.length - 3) {
      const pair = out[at + 1]! + out[at + 2]!
      if (!/^[0-9a-f]{2}$/i.test(pair)) break
      out.length = at
      out.push(String.fromCharCode(Number.parseInt(pair, 16)))
    }
  }
  return out.join('')
}
