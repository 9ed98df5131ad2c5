/** Frames of HTTP/2 by hand, by the numbers of RFC 9113, with nothing of relay's own reader and writer. */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const

export const endStream = 0x1
export const ack = 0x1
export const endHeaders = 0x4
export const padded = 0x8
export const withPriority = 0x20

export const ErrorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  calm: 11,
} as const

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** One frame; `type` and `flags` may be anything. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  payload.copy(bytes, 9)
  return bytes
}

/** A SETTINGS frame of pairs. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  return frame(FrameType.settings, 0, 0, Buffer.concat(pairs.map(([id, value]) => Buffer.concat([uint16(id), uint32(value)]))))
}

export const settingsAck = frame(FrameType.settings, ack, 0)

export function headers(stream: number, block: Buffer, flags = endHeaders | endStream): Buffer {
  return frame(FrameType.headers, flags, stream, block)
}

export function data(stream: number, bytes: string | Buffer, flags = 0): Buffer {
  return frame(FrameType.data, flags, stream, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
}

export function reset(stream: number, code: number): Buffer {
  return frame(FrameType.reset, 0, stream, uint32(code))
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(FrameType.window, 0, stream, uint32(increment))
}

export function ping(text = '12345678', flags = 0): Buffer {
  return frame(FrameType.ping, flags, 0, Buffer.from(text, 'latin1'))
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

/** Cuts what a peer says into frames. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0)

  read(chunk: Buffer): Frame[] {
    let bytes = Buffer.concat([this.rest, chunk])
    const frames: Frame[] = []
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3)
      frames.push({ type: bytes[3]!, flags: bytes[4]!, stream: bytes.readUInt32BE(5) & 0x7fffffff, payload: bytes.subarray(9, end) })
      bytes = bytes.subarray(end)
    }
    this.rest = bytes
    return frames
  }
}

/** The header block of a HEADERS frame, without padding and priority, or of a CONTINUATION frame. */
export function fragmentOf({ type, flags, payload }: Frame): Buffer {
  if (type === FrameType.continuation) return payload
  const padding = (flags & padded) === 0 ? 0 : payload[0]!
  const from = ((flags & padded) === 0 ? 0 : 1) + ((flags & withPriority) === 0 ? 0 : 5)
  return payload.subarray(from, payload.length - padding)
}

/** A header block of literals that nobody indexes: as the bytes say, with no check. */
export function block(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]))
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([length(bytes.length), bytes])
}

function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  while (rest >= 128) {
    bytes.push(128 | (rest & 127))
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}
