import {
  create,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Registry,
} from '@bufbuild/protobuf'
import { AnySchema, type Any } from '@bufbuild/protobuf/wkt'
import { base64Decode } from '@bufbuild/protobuf/wire'
import { isJsonObject } from './codec.ts'
import { knownTypes } from './known-files.ts'
import type { RpcStatus, Statuses } from './types.ts'

/** Reads and writes `google.rpc.Status`; details are of the given types or the standard ones, and what is of neither is kept as it is. */
export function statusesOf(types: Registry): Statuses {
  return { toJson: (status) => statusToJson(status, types), fromJson: (body) => statusFromJson(body, types) }
}

function statusToJson({ code, message, details }: RpcStatus, types: Registry): Buffer {
  const status = details.length === 0 ? null : readStatus(details)
  return Buffer.from(JSON.stringify({ code, message, details: (status?.details ?? []).map((detail) => detailToJson(detail, types)) }))
}

interface Parts {
  readonly code: number
  readonly message: string
  readonly details: readonly Any[]
}

/** null: the bytes are no status; what they are part of is told by its code and message. */
function readStatus(bytes: Uint8Array): Parts | null {
  try {
    const { code, message, details } = fromBinary(schema, bytes) as unknown as Parts
    return { code, message, details }
  } catch {
    return null
  }
}

function detailToJson(detail: Any, types: Registry): JsonObject {
  const of = types.getMessage(typeName(detail.typeUrl))
  const raw = (): JsonObject => ({ '@type': detail.typeUrl, value: Buffer.from(detail.value).toString('base64') })
  if (of === undefined) return raw()
  try {
    const json = toJson(of, fromBinary(of, detail.value), { registry: types })
    return isJsonObject(json) && !hasOwnJson(of) ? { '@type': detail.typeUrl, ...json } : { '@type': detail.typeUrl, value: json }
  } catch {
    return raw()
  }
}

function statusFromJson(body: Uint8Array, types: Registry): RpcStatus | null {
  const json = parse(body)
  if (!isJsonObject(json)) return null
  const inner = json['error']
  const status = isJsonObject(inner) ? ofError(inner, json) : ofStatus(json)
  if (status === null) return null
  const given = isJsonObject(inner) ? inner['details'] : json['details']
  const details = Array.isArray(given) ? given.flatMap((detail) => detailFromJson(detail, types) ?? []) : []
  const bytes = details.length === 0 ? new Uint8Array(0) : toBinary(schema, create(schema, { ...status, details }))
  return { ...status, details: bytes }
}

interface CodeAndMessage {
  readonly code: number
  readonly message: string
}

function ofStatus({ code, message = '', details = [] }: JsonObject): CodeAndMessage | null {
  const isStatus = typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 16 && Array.isArray(details)
  return isStatus && typeof message === 'string' ? { code, message } : null
}

/** Google's HTTP form says the code by its name, and an HTTP status as `code`; grpc-gateway's streams say a status within `error`. */
function ofError(error: JsonObject, outer: JsonObject): CodeAndMessage | null {
  const name = error['status']
  const code = typeof name === 'string' ? codes.indexOf(name) : -1
  if (code < 0) return Object.keys(outer).length === 1 ? ofStatus(error) : null
  const message = error['message']
  return { code, message: typeof message === 'string' ? message : '' }
}

function detailFromJson(detail: JsonValue, types: Registry): Any | null {
  if (!isJsonObject(detail) || typeof detail['@type'] !== 'string') return null
  const { '@type': typeUrl, ...rest } = detail
  const of = types.getMessage(typeName(typeUrl))
  const value = of === undefined ? null : knownDetail(of, rest, types)
  const bytes = value ?? rawDetail(rest)
  return bytes === null ? null : create(AnySchema, { typeUrl, value: bytes })
}

function knownDetail(of: DescMessage, rest: JsonObject, types: Registry): Uint8Array | null {
  try {
    const json = hasOwnJson(of) ? (rest['value'] ?? null) : rest
    return toBinary(of, fromJson(of, json, { registry: types, ignoreUnknownFields: !isRaw(of, rest) }))
  } catch {
    return null
  }
}

/** A detail as `detailToJson` writes one that nobody knows. */
function rawDetail(rest: JsonObject): Uint8Array | null {
  const { value, ...more } = rest
  if (typeof value !== 'string' || Object.keys(more).length > 0) return null
  try {
    return base64Decode(value)
  } catch {
    return null
  }
}

/** Whether `value` alone is said, which is no field of the type: its bytes as they are. */
function isRaw(of: DescMessage, rest: JsonObject): boolean {
  return (
    'value' in rest && Object.keys(rest).length === 1 && of.fields.every((field) => field.jsonName !== 'value' && field.name !== 'value')
  )
}

function parse(body: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()) as JsonValue
  } catch {
    return undefined
  }
}

function typeName(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

/** Types whose JSON is a value of its own, which an `Any` holds in `value`. */
function hasOwnJson({ typeName }: DescMessage): boolean {
  const name = typeName.startsWith('google.protobuf.') ? typeName.slice('google.protobuf.'.length) : ''
  return name.endsWith('Value') || ownJson.has(name)
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('google/rpc/status.proto is not whole')
  return value
}

const ownJson: ReadonlySet<string> = new Set(['Any', 'Duration', 'FieldMask', 'Struct', 'Timestamp'])
const schema = needed(knownTypes.getMessage('google.rpc.Status'))
const codes: readonly string[] = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
  ...['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
]
