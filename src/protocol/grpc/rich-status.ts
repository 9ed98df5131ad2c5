/** An error in full, as `google.rpc.Status`. */
export interface RichStatus {
  readonly code: number
  readonly message: string
  readonly details: readonly Detail[]
}

/** A message of any type, as `google.protobuf.Any`: the type's URL and the message's bytes. */
export interface Detail {
  readonly typeUrl: string
  readonly value: Buffer
}

/** An error as the bytes of `google.rpc.Status`. */
export function writeRichStatus({ code, message, details }: RichStatus): Buffer {
  const parts = [number(1, code), bytes(2, Buffer.from(message, 'utf8'))]
  for (const { typeUrl, value } of details) parts.push(bytes(3, Buffer.concat([bytes(1, Buffer.from(typeUrl, 'utf8')), bytes(2, value)])))
  return Buffer.concat(parts)
}

/** When to come back, as a detail: `google.rpc.RetryInfo`. */
export function retryInfo(ms: number): Detail {
  const seconds = Math.floor(ms / 1000)
  const nanos = Math.round((ms - seconds * 1000) * 1e6)
  const delay = Buffer.concat([number(1, seconds), number(2, nanos)])
  return { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: bytes(1, delay) }
}

function number(field: number, value: number): Buffer {
  return value === 0 ? nothing : Buffer.from([field << 3, ...varint(value)])
}

function bytes(field: number, value: Buffer): Buffer {
  return value.length === 0 ? nothing : Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(value.length)]), value])
}

function varint(value: number): number[] {
  const out: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  out.push(rest)
  return out
}

/** The error that the bytes of `google.rpc.Status` say; null where they are none. */
export function readRichStatus(from: Buffer): RichStatus | null {
  let code = 0
  let message = ''
  const details: Detail[] = []
  for (const field of fieldsOf(from)) {
    if (field === null) return null
    if (field.number === 1) code = field.value
    else if (field.number === 2) message = field.bytes.toString('utf8')
    else if (field.number === 3) {
      const detail = readDetail(field.bytes)
      if (detail === null) return null
      details.push(detail)
    }
  }
  return { code, message, details }
}

function readDetail(from: Buffer): Detail | null {
  let typeUrl = ''
  let value: Buffer = nothing
  for (const field of fieldsOf(from)) {
    if (field === null) return null
    if (field.number === 1) typeUrl = field.bytes.toString('utf8')
    else if (field.number === 2) value = field.bytes
  }
  return { typeUrl, value }
}

interface Field {
  readonly number: number
  readonly value: number
  readonly bytes: Buffer
}

/** The fields of a message, one after the other; null, and the end, where it is malformed. */
function* fieldsOf(from: Buffer): Generator<Field | null> {
  const reader = { at: 0, bytes: from }
  while (reader.at < from.length) {
    const tag = readVarint(reader)
    const field = tag < 8 ? null : readField(reader, Math.floor(tag / 8), tag % 8)
    yield field
    if (field === null) return
  }
}

interface Reader {
  readonly bytes: Buffer
  at: number
}

function readField(reader: Reader, number: number, wire: number): Field | null {
  if (wire === 0) {
    const value = readVarint(reader)
    return value < 0 ? null : { number, value, bytes: nothing }
  }
  const length = wire === 2 ? readVarint(reader) : wire === 1 ? 8 : wire === 5 ? 4 : -1
  const end = reader.at + length
  if (length < 0 || end > reader.bytes.length) return null
  const field = { number, value: 0, bytes: reader.bytes.subarray(reader.at, end) }
  reader.at = end
  return field
}

/** -1 where it does not end, or is of more than ten bytes. */
function readVarint(reader: Reader): number {
  let value = 0
  for (let scale = 1, k = 0; k < 10; k++, scale *= 128) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) return -1
    value += (byte & 127) * scale
    if (byte < 128) return value
  }
  return -1
}

const nothing = Buffer.alloc(0)
