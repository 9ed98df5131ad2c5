import type { Call, Reply } from '../engine/call.ts'
import { fieldLine, fieldName, type Edits } from '../protocol/edits.ts'
import type { GrpcCaller } from '../protocol/grpc/caller.ts'
import { codeOfHttp } from '../protocol/grpc/code.ts'
import { statusIn, type GrpcStatus } from '../protocol/grpc/status.ts'
import { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'

/** A reply's head as its edits leave it, in bytes of its own: it stays when another reply stands in its connection's. */
export function ownHead({ head, edits }: Reply): Head {
  return readHead(head, edits)
}

function readHead(head: Head | null, edits: Edits): Head {
  const bytes = Buffer.allocUnsafe((head === null ? 0 : head.end - head.start) + edits.room)
  const own = new Head()
  const refused = own.parse(bytes, 0, edits.write(head, bytes, 0), Infinity)
  if (refused !== null) own.forget()
  return own
}

/** A request's head as the stages before have made it; the caller's own, lent, where they added nothing. */
export function sentHead({ head: { fields }, edits }: Call): Head {
  return edits.added.length === 0 ? fields : readHead(fields, edits)
}

/** How a reply is to be read, by its head. */
export type GrpcReply =
  /** Messages may follow, and a status behind them; null: the head did not say it. */
  | { readonly is: 'grpc'; readonly status: GrpcStatus | null }
  /** Its HTTP status is all that it tells. */
  | { readonly is: 'foreign'; readonly status: GrpcStatus }

/** Whether a reply is gRPC's at all, and what its head tells of the call's end. */
export function readReply(http: number, head: Head): GrpcReply {
  const status = statusIn(head)
  if (status !== null || (http === 200 && isGrpcType(head))) return { is: 'grpc', status }
  const message = `the upstream answered without gRPC, with the HTTP status ${http}`
  return { is: 'foreign', status: { code: codeOfHttp(http), message, details: null } }
}

/** Whether a head says that gRPC follows. */
export function isGrpcType(head: Head): boolean {
  return head.text(Name.contentType)?.toLowerCase().startsWith('application/grpc') ?? false
}

/** What stands in for the status of a gRPC reply that ended without one. */
export const noStatus: GrpcStatus = { code: codeOfHttp(200), message: 'the upstream ended its reply without grpc-status', details: null }

/** The request of a caller in another form of gRPC goes out as gRPC itself. */
export function asGrpc({ edits }: Call, codec: GrpcCaller['codec']): void {
  edits.setLine(contentType, codec === 'json' ? json : proto)
}

/** What gRPC itself says in the head of a reply goes no further. */
export function dropStatus({ edits }: Reply): void {
  for (const name of statusNames) edits.remove(name)
}

/** A field of both sides' heads. */
export const contentType = fieldName('content-type')
const proto = fieldLine(contentType, 'application/grpc+proto')
const json = fieldLine(contentType, 'application/grpc+json')
const statusNames = ['grpc-status', 'grpc-message', 'grpc-status-details-bin'].map(fieldName)
