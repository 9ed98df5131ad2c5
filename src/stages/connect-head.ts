import type { Call, Reply } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { asGrpc, dropStatus } from './grpc-head.ts'

/** How the messages of a call are compressed: those that it sends (null: not), and those that it understands. */
export interface Encodings {
  readonly sent: string | null
  readonly understood: string | null
}

/** The head of a call of Connect becomes that of gRPC. */
export function toGrpc(call: Call, { sent, understood }: Encodings): void {
  const { edits } = call
  asGrpc(call, 'proto')
  for (const name of connectNames) edits.remove(name)
  edits.remove(encoding)
  if (sent !== null) edits.line(fieldLine(encoding, sent))
  edits.setLine(acceptEncoding, fieldLine(acceptEncoding, codingsIn(understood)))
}

/** What gRPC says in the head of a reply goes no further; how its messages are compressed is told in another field. */
export function fromGrpc(reply: Reply): void {
  dropStatus(reply)
  reply.edits.remove(encoding)
  reply.edits.remove(acceptEncoding)
}

/** The codings that a list like `gzip, br;q=0.5, *;q=0` takes, as gRPC names them. */
function codingsIn(list: string | null): string {
  const taken = (list ?? '')
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => !/;\s*q=0(?:\.0*)?$/.test(one))
    .map((one) => one.replace(/;.*$/, '').trim())
    .filter((one) => known.has(one))
  return [...new Set(['identity', ...taken])].join(',')
}

const known: ReadonlySet<string> = new Set(['gzip', 'deflate', 'br', 'zstd'])
const encoding = fieldName('grpc-encoding')
const acceptEncoding = fieldName('grpc-accept-encoding')
const connectNames = [
  'connect-protocol-version',
  'connect-timeout-ms',
  'connect-content-encoding',
  'connect-accept-encoding',
  'content-encoding',
  'accept-encoding',
  'expect',
].map(fieldName)
