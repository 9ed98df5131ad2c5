import { decimal, put } from '../bytes.ts'
import { refusal, type Refusal } from '../head.ts'
import { FieldFlag, FieldLines, malformedField } from '../hpack/field-lines.ts'
import { holdsGuarded } from '../hpack/guarded.ts'

/**
 * The head of an HTTP/2 request in the form of HTTP/1, made of its fields after the rules of RFC 9113 §8: so every check of the one
 * is one of the other too, and nothing that HTTP/1 would read in two ways can pass. One of these serves a whole thread.
 */
export class RequestForm {
  /** The head with its empty line, in bytes of its own. */
  bytes: Buffer = none
  /** What Content-Length says, or -1. */
  length = -1
  /** There is a field that nobody may index. */
  isGuarded = false
  private lines: FieldLines = noLines
  private method = -1
  private path = -1
  private scheme = -1
  private authority = -1
  private protocol = -1
  private host = -1
  private cookies = 0

  /** Makes the form of a field section. What is malformed gets a reason (a stream error); what is well-formed and still refused, a refusal. */
  read(lines: FieldLines): Refusal | string | null {
    this.lines = lines
    this.method = this.path = this.scheme = this.authority = this.protocol = this.host = this.length = -1
    this.cookies = 0
    if ((lines.flags & malformedField) !== 0) return 'a field name or value that may not be'
    const first = this.readPseudo()
    if (typeof first !== 'number') return first
    // The path stands in front: where it is not there either, it is what is too long.
    if (lines.isTooLarge) return this.path < 0 ? longPath : tooLarge
    const wrong = this.readFields(first) ?? this.checkPseudo()
    if (wrong !== null) return wrong
    this.isGuarded = holdsGuarded(lines)
    this.write(first)
    return null
  }

  /** Whether it asks to go on in another protocol (RFC 8441): its form is that of an upgrade in HTTP/1.1. */
  get isTunnel(): boolean {
    return this.protocol >= 0
  }

  /** Pseudo-header fields, which stand in front; the first field behind them. */
  private readPseudo(): number | string {
    const { lines } = this
    let k = 0
    for (; k < lines.count && (lines.flagsOf(k) & FieldFlag.pseudo) !== 0; k++) {
      if (this.isNamed(k, methodName)) {
        if (this.method >= 0) return doubled
        this.method = k
      } else if (this.isNamed(k, pathName)) {
        if (this.path >= 0) return doubled
        this.path = k
      } else if (this.isNamed(k, schemeName)) {
        if (this.scheme >= 0) return doubled
        this.scheme = k
      } else if (this.isNamed(k, authorityName)) {
        if (this.authority >= 0) return doubled
        this.authority = k
      } else if (this.isNamed(k, protocolName)) {
        if (this.protocol >= 0) return doubled
        this.protocol = k
      } else return 'a pseudo-header field that no request has'
    }
    return k
  }

  private readFields(first: number): string | null {
    const { lines } = this
    for (let k = first; k < lines.count; k++) {
      if ((lines.flagsOf(k) & FieldFlag.pseudo) !== 0) return 'a pseudo-header field behind others'
      const wrong = this.readField(k)
      if (wrong !== null) return wrong
    }
    return null
  }

  private readField(k: number): string | null {
    const { lines } = this
    switch (lines.nameEnd(k) - lines.nameStart(k)) {
      case 2:
        return this.isNamed(k, teName) && !this.isValued(k, trailersWord) ? 'TE other than trailers' : null
      case 4:
        return this.isNamed(k, hostName) ? this.readHost(k) : null
      case 6:
        if (this.isNamed(k, cookieName)) this.cookies++
        return null
      case 7:
        return this.isNamed(k, upgradeName) ? hopField : null
      case 10:
        return this.isNamed(k, connectionName) || this.isNamed(k, keepAliveName) ? hopField : null
      case 14:
        return this.isNamed(k, lengthName) ? this.readLength(k) : null
      case 16:
        return this.isNamed(k, proxyConnectionName) ? hopField : null
      case 17:
        return this.isNamed(k, transferEncodingName) ? hopField : null
      default:
        return null
    }
  }

  private readHost(k: number): string | null {
    if (this.host >= 0) return 'more than one Host'
    this.host = k
    return null
  }

  private readLength(k: number): string | null {
    const { lines } = this
    if (this.length >= 0) return 'more than one Content-Length'
    this.length = decimal(lines.bytes, lines.valueStart(k), lines.valueEnd(k))
    return this.length < 0 ? 'malformed Content-Length' : null
  }

  private checkPseudo(): Refusal | string | null {
    const { lines, method, path, scheme, authority, host } = this
    if (method < 0) return 'no :method'
    const isConnect = this.isValued(method, connectWord)
    if (isConnect && !this.isTunnel) return connect
    if (this.isTunnel && (!isConnect || this.length >= 0)) return 'a :protocol without CONNECT, or with Content-Length'
    if (path < 0 || scheme < 0) return 'no :path or no :scheme'
    if (!this.isValued(scheme, httpWord) && !this.isValued(scheme, httpsWord)) return otherScheme
    const start = lines.valueStart(path)
    if (start === lines.valueEnd(path)) return 'an empty :path'
    // An absolute form would be a second authority (RFC 9113 §8.3.1).
    const isAsterisk = lines.bytes[start] === 42 && lines.valueEnd(path) === start + 1
    if (lines.bytes[start] !== 47 && !isAsterisk) return 'a :path that does not begin with /'
    return authority >= 0 && host >= 0 && !this.isSame(authority, host) ? otherHost : null
  }

  /** No line of the form is longer than those that it is made of, so they bound it. */
  private write(first: number): void {
    const { lines, authority, host, isTunnel } = this
    const out = Buffer.allocUnsafe(lines.length + 2 + (isTunnel ? upgradeStart.length : 0))
    let o = isTunnel ? put(out, 0, getWord) : this.putValue(out, 0, this.method)
    out[o++] = 32
    o = this.putValue(out, o, this.path)
    o = put(out, o, version)
    if (authority >= 0 || host >= 0) {
      o = put(out, o, hostLine)
      o = this.putValue(out, o, authority >= 0 ? authority : host)
      o = put(out, o, crlf)
    }
    if (isTunnel) {
      o = put(out, o, upgradeStart)
      o = this.putValue(out, o, this.protocol)
      o = put(out, o, crlf)
    }
    o = this.putFields(out, o, first)
    if (this.cookies > 1) o = this.putCookies(out, o, first)
    o = put(out, o, crlf)
    this.bytes = out.subarray(0, o)
  }

  /** The fields, in runs as long as they come. */
  private putFields(out: Buffer, at: number, first: number): number {
    const { lines } = this
    let o = at
    let from = first < lines.count ? lines.nameStart(first) : lines.length
    for (let k = first; k < lines.count; k++) {
      const isLeftOut = k === this.host || (this.cookies > 1 && this.isNamed(k, cookieName))
      if (!isLeftOut) continue
      o += lines.bytes.copy(out, o, from, lines.nameStart(k))
      from = lines.valueEnd(k) + 2
    }
    return o + lines.bytes.copy(out, o, from, lines.length)
  }

  /** What came in several fields for the sake of compression is one again (RFC 9113 §8.2.3). */
  private putCookies(out: Buffer, at: number, first: number): number {
    let o = put(out, at, cookieLine)
    let isFirst = true
    for (let k = first; k < this.lines.count; k++) {
      if (!this.isNamed(k, cookieName)) continue
      if (!isFirst) o = put(out, o, crumb)
      isFirst = false
      o = this.putValue(out, o, k)
    }
    return put(out, o, crlf)
  }

  private putValue(out: Buffer, at: number, k: number): number {
    const { lines } = this
    return at + lines.bytes.copy(out, at, lines.valueStart(k), lines.valueEnd(k))
  }

  private isNamed(k: number, name: Buffer): boolean {
    const { lines } = this
    return isWord(lines.bytes, lines.nameStart(k), lines.nameEnd(k), name)
  }

  private isValued(k: number, word: Buffer): boolean {
    const { lines } = this
    return isWord(lines.bytes, lines.valueStart(k), lines.valueEnd(k), word)
  }

  private isSame(a: number, b: number): boolean {
    const { bytes } = this.lines
    const one = bytes.toString('latin1', this.lines.valueStart(a), this.lines.valueEnd(a))
    return one.toLowerCase() === bytes.toString('latin1', this.lines.valueStart(b), this.lines.valueEnd(b)).toLowerCase()
  }
}

function isWord(bytes: Buffer, from: number, to: number, word: Buffer): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false
  return true
}

const none = Buffer.alloc(0)
const noLines = new FieldLines()
const methodName = Buffer.from(':method')
const pathName = Buffer.from(':path')
const schemeName = Buffer.from(':scheme')
const authorityName = Buffer.from(':authority')
const protocolName = Buffer.from(':protocol')
const teName = Buffer.from('te')
const hostName = Buffer.from('host')
const cookieName = Buffer.from('cookie')
const upgradeName = Buffer.from('upgrade')
const connectionName = Buffer.from('connection')
const keepAliveName = Buffer.from('keep-alive')
const lengthName = Buffer.from('content-length')
const proxyConnectionName = Buffer.from('proxy-connection')
const transferEncodingName = Buffer.from('transfer-encoding')
const trailersWord = Buffer.from('trailers')
const connectWord = Buffer.from('CONNECT')
const getWord = Buffer.from('GET')
const upgradeStart = Buffer.from('connection: upgrade\r\nupgrade: ')
const httpWord = Buffer.from('http')
const httpsWord = Buffer.from('https')
const version = Buffer.from(' HTTP/1.1\r\n')
const hostLine = Buffer.from('host: ')
const cookieLine = Buffer.from('cookie: ')
const crumb = Buffer.from('; ')
const crlf = Buffer.from('\r\n')
const doubled = 'a pseudo-header field that stands there twice'
const hopField = 'a field that belongs to one connection of HTTP/1.1'
const longPath = refusal('uri_too_long', 'the path is too long')
const tooLarge = refusal('head_too_large', 'the request head is too large')
const connect = refusal('not_supported', 'CONNECT is not supported')
const otherScheme = refusal('bad_request', 'a :scheme other than http and https')
const otherHost = refusal('bad_request', ':authority and Host differ')
