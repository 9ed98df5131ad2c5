import { equalsFolded, latin1 } from '../bytes.ts'
import type { Head } from '../head.ts'
import { Name } from '../names.ts'
import { fieldAt } from './field.ts'

/** The protocol that a gRPC caller speaks, by its content type: gRPC itself, gRPC-Web, or Connect. */
export interface GrpcCaller {
  readonly is: 'grpc' | 'web' | 'web_text' | 'connect' | 'connect_stream'
  /** What its messages are. */
  readonly codec: 'proto' | 'json' | 'other'
}

/** How a caller speaks gRPC; null: not at all, as far as its head says. */
export function grpcCaller(head: Head): GrpcCaller | null {
  if (!head.has(Name.contentType)) return null
  const { bytes } = head
  const from = head.valueStart(Name.contentType)
  const to = head.valueEnd(Name.contentType)
  if (to - from < application.length || !equalsFolded(bytes, from, from + application.length, application)) return null
  const at = from + application.length
  switch (bytes[at]! | 32) {
    case 103: // g
      return to - at === 4 && equalsFolded(bytes, at, to, grpc) ? plain : grpcType(typeIn(bytes, at, to))
    case 99: // c
    case 112: // p
      return byType.get(typeIn(bytes, at, to)) ?? null
    case 106: // j
      return fieldAt(head, protocolVersion) >= 0 && typeIn(bytes, at, to) === 'json' ? connectJson : null
    default:
      return null
  }
}

/** Whatever its messages are, they pass. */
function grpcType(type: string): GrpcCaller | null {
  return byType.get(type) ?? (type.startsWith('grpc+') ? { is: 'grpc', codec: 'other' } : null)
}

/** The subtype in lower case, without parameters. */
function typeIn(bytes: Buffer, from: number, to: number): string {
  const type = latin1(bytes, from, to).toLowerCase()
  const end = type.indexOf(';')
  return end < 0 ? type : type.slice(0, end).trimEnd()
}

const application = Buffer.from('application/')
const grpc = Buffer.from('grpc')
const protocolVersion = Buffer.from('connect-protocol-version')
const plain: GrpcCaller = { is: 'grpc', codec: 'proto' }
/** JSON is Connect's where its caller says so: it may as well be a call to be transcoded. */
const connectJson: GrpcCaller = { is: 'connect', codec: 'json' }
const byType: ReadonlyMap<string, GrpcCaller> = new Map([
  ['grpc', plain],
  ['grpc+proto', plain],
  ['grpc+json', { is: 'grpc', codec: 'json' }],
  ['grpc-web', { is: 'web', codec: 'proto' }],
  ['grpc-web+proto', { is: 'web', codec: 'proto' }],
  ['grpc-web+json', { is: 'web', codec: 'json' }],
  ['grpc-web-text', { is: 'web_text', codec: 'proto' }],
  ['grpc-web-text+proto', { is: 'web_text', codec: 'proto' }],
  ['proto', { is: 'connect', codec: 'proto' }],
  ['connect+proto', { is: 'connect_stream', codec: 'proto' }],
  ['connect+json', { is: 'connect_stream', codec: 'json' }],
])
