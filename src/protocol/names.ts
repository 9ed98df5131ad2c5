import { fold } from './bytes.ts'

/**
 * The field names that relay itself reads or strips, each with a small number, found by length, then bytes. Every other name
 * passes as bytes and is never looked at. The number stands in a head's index beside the field's offsets.
 */
export const Name = {
  other: 0,
  connection: 1,
  keepAlive: 2,
  proxyConnection: 3,
  te: 4,
  trailer: 5,
  transferEncoding: 6,
  upgrade: 7,
  host: 8,
  contentLength: 9,
  expect: 10,
  proxyAuthorization: 11,
  proxyAuthenticate: 12,
  http2Settings: 13,
  authorization: 14,
  apiKey: 15,
  contentType: 16,
  contentEncoding: 17,
  acceptEncoding: 18,
  requestId: 19,
  xRequestId: 20,
  forwarded: 21,
  xForwardedFor: 22,
  xForwardedProto: 23,
  xForwardedHost: 24,
  xForwardedPort: 25,
  xRealIp: 26,
  via: 27,
  origin: 28,
  stainlessTimeout: 29,
  proxyAuthenticationInfo: 30,
  /** Not a name: marks a field that is never forwarded (an underscored twin of one of ours, or one that `Connection` names). */
  dropped: 31,
} as const

const texts: Record<number, string> = {
  1: 'connection',
  2: 'keep-alive',
  3: 'proxy-connection',
  4: 'te',
  5: 'trailer',
  6: 'transfer-encoding',
  7: 'upgrade',
  8: 'host',
  9: 'content-length',
  10: 'expect',
  11: 'proxy-authorization',
  12: 'proxy-authenticate',
  13: 'http2-settings',
  14: 'authorization',
  15: 'x-api-key',
  16: 'content-type',
  17: 'content-encoding',
  18: 'accept-encoding',
  19: 'request-id',
  20: 'x-request-id',
  21: 'forwarded',
  22: 'x-forwarded-for',
  23: 'x-forwarded-proto',
  24: 'x-forwarded-host',
  25: 'x-forwarded-port',
  26: 'x-real-ip',
  27: 'via',
  28: 'origin',
  29: 'x-stainless-timeout',
  30: 'proxy-authentication-info',
}

/** Field names as bytes, by number. */
const nameBytes: readonly Buffer[] = Array.from({ length: 32 }, (_, id) => Buffer.from(texts[id] ?? '', 'latin1'))

/** Fields that end at this hop (RFC 9110 §7.6.1 and the proxy's own of §11.7), and framing, which relay writes itself: a bit a name. */
export const hopByHop = maskOf([1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 30, 31])

/** Fields that `Connection` may not name: framing, Host and credentials; a caller that names one wants them lost on the way. */
export const isProtected = maskOf([6, 8, 9, 11, 14, 15])

/**
 * Fields that may not stand in a trailer section (RFC 9110 §6.5.1): framing, routing, controls, authentication, what ends at this hop,
 * and what relay alone says of those in front (an origin that merges trailers into the head would believe them).
 */
export const notInTrailers = hopByHop | maskOf([8, 10, 14, 15, 16, 17, 21, 22, 23, 24, 25, 26, 27])

function maskOf(ids: readonly number[]): number {
  return ids.reduce((mask, id) => mask | (1 << id), 0)
}

// By length, then as a flat list of numbers: most lengths have one or two names, and the first byte settles nearly all.
const byLength: (readonly number[] | undefined)[] = []
for (const [id, text] of Object.entries(texts)) byLength[text.length] = [...(byLength[text.length] ?? []), Number(id)]

/**
 * The number of the name between two offsets, 0 where it is none of ours. An underscore counts as a dash: `X_Api_Key` is found as
 * `x-api-key`, and the parser drops it (an origin that folds the two would see a second credential).
 */
export function nameAt(bytes: Uint8Array, from: number, to: number): number {
  const ids = byLength[to - from]
  if (ids === undefined) return 0
  for (let k = 0; k < ids.length; k++) {
    const id = ids[k]!
    const name = nameBytes[id]!
    let i = 0
    while (i < name.length && fold[bytes[from + i]!] === name[i]) i++
    if (i === name.length) return id
  }
  return 0
}
