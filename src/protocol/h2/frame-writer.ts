import { FrameType, Flag } from './frames.ts'

/** A frame's head: length, type and flags, stream. */
// oxlint-disable-next-line max-params -- the fields of every frame, on the path of every chunk
export function putFrameHead(out: Buffer, at: number, length: number, type: number, flags: number, stream: number): number {
  out[at] = length >>> 16
  out[at + 1] = length >>> 8
  out[at + 2] = length
  out[at + 3] = type
  out[at + 4] = flags
  return put32(out, at + 5, stream)
}

/** A number of four bytes; the offset behind it. */
function put32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
  return at + 4
}

/** SETTINGS: names and values in turn. */
export function putSettings(out: Buffer, at: number, settings: readonly (readonly [name: number, value: number])[]): number {
  let o = putFrameHead(out, at, settings.length * 6, FrameType.settings, 0, 0)
  for (const [name, value] of settings) {
    out[o++] = name >>> 8
    out[o++] = name
    o = put32(out, o, value)
  }
  return o
}

/** The answer to SETTINGS. */
export function putSettingsAck(out: Buffer, at: number): number {
  return putFrameHead(out, at, 0, FrameType.settings, Flag.ack, 0)
}

/** PING; its bytes say nothing, since one is out at a time. */
export function putPing(out: Buffer, at: number): number {
  const o = putFrameHead(out, at, 8, FrameType.ping, 0, 0)
  out.fill(0, o, o + 8)
  return o + 8
}

/** The answer to a PING whose eight bytes stand in `bytes`. */
export function putPingAck(out: Buffer, at: number, bytes: Buffer, from: number): number {
  const o = putFrameHead(out, at, 8, FrameType.ping, Flag.ack, 0)
  bytes.copy(out, o, from, from + 8)
  return o + 8
}

/** WINDOW_UPDATE, of a stream or (0) the connection. */
export function putWindowUpdate(out: Buffer, at: number, stream: number, increment: number): number {
  return put32(out, putFrameHead(out, at, 4, FrameType.windowUpdate, 0, stream), increment)
}

/** RST_STREAM. */
export function putReset(out: Buffer, at: number, stream: number, code: number): number {
  return put32(out, putFrameHead(out, at, 4, FrameType.reset, 0, stream), code)
}

/** GOAWAY with a word about why, which is for people. */
// oxlint-disable-next-line max-params -- once a connection
export function putGoaway(out: Buffer, at: number, last: number, code: number, why: string): number {
  let o = putFrameHead(out, at, 8 + why.length, FrameType.goaway, 0, 0)
  o = put32(out, o, last)
  o = put32(out, o, code)
  return o + out.write(why, o, 'latin1')
}

/** Bytes that a control frame takes at most, the text of a GOAWAY aside. */
export const controlRoom = 64
