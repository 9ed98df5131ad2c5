import type { Head } from '../head.ts'
import { codeBinary } from './binary.ts'
import { Code, codeName } from './code.ts'
import { Flag, framed } from './frames.ts'
import { readRichStatus } from './rich-status.ts'
import type { GrpcStatus } from './status.ts'

/** A status as the JSON of Connect's errors: the body of a unary reply that failed. */
export function connectError(status: GrpcStatus): Buffer {
  return Buffer.from(JSON.stringify(errorOf(status)))
}

/** The last frame of a Connect stream: its status, and the trailing metadata of `trailers`. */
export function endStream(status: GrpcStatus, trailers: Head | null): Buffer {
  const metadata = trailers === null ? {} : metadataOf(trailers)
  const whole = {
    ...(status.code === Code.ok ? {} : { error: errorOf(status) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  }
  return framed(Buffer.from(JSON.stringify(whole)), Flag.endStream)
}

/** Whether a field belongs to gRPC itself, and is no metadata. */
export function isReserved(name: string): boolean {
  return name.startsWith('grpc-') || name === 'content-type'
}

/** A status by the name that Connect has for it. */
export function connectCode(code: number): string {
  return code === Code.cancelled ? 'canceled' : codeName(code).toLowerCase()
}

interface ConnectError {
  readonly code: string
  readonly message?: string
  readonly details?: readonly { readonly type: string; readonly value: string }[]
}

function errorOf({ code, message, details: rich }: GrpcStatus): ConnectError {
  const all = rich === null ? null : readRichStatus(rich)
  const details = (all?.details ?? []).map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
    value: codeBinary(value),
  }))
  return { code: connectCode(code), ...(message === '' ? {} : { message }), ...(details.length === 0 ? {} : { details }) }
}

function metadataOf(head: Head): Record<string, string[]> {
  const metadata = new Map<string, string[]>()
  for (let k = 0; k < head.count; k++) {
    const name = head.name(k)
    const values = metadata.get(name)
    if (values !== undefined) values.push(head.value(k))
    else if (!isReserved(name)) metadata.set(name, [head.value(k)])
  }
  return Object.fromEntries(metadata)
}
