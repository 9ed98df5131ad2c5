import { failures, type RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import type { GrpcCaller } from '../protocol/grpc/caller.ts'
import { httpOfCode } from '../protocol/grpc/code.ts'
import { connectError, endStream } from '../protocol/grpc/connect-json.ts'
import { statusLines, statusOf } from '../protocol/grpc/status.ts'
import { webText, webTrailers } from '../protocol/grpc/web.ts'

/** A refusal or failure as a reply to a caller of gRPC, in its form: a status in the head, a frame of trailers, an error of Connect's. */
export function grpcErrorReply(error: RelayError, { is, codec }: GrpcCaller): Reply {
  const status = statusOf(error)
  switch (is) {
    case 'grpc': {
      // Without a body, these are trailers: gRPC's shortest reply.
      const reply = replyOf(200, 'application/grpc', nothing)
      reply.edits.line(statusLines(status))
      return reply
    }
    case 'web':
      return replyOf(200, codec === 'json' ? 'application/grpc-web+json' : 'application/grpc-web+proto', webTrailers(statusLines(status)))
    case 'web_text':
      return replyOf(200, 'application/grpc-web-text+proto', webText(webTrailers(statusLines(status))))
    case 'connect': {
      const isUnsupported = error.failure === 'unsupported_type'
      return replyOf(isUnsupported ? failures[error.failure].http : httpOfCode(status.code), 'application/json', connectError(status))
    }
    case 'connect_stream':
      return replyOf(200, codec === 'json' ? 'application/connect+json' : 'application/connect+proto', endStream(status, null))
  }
}

function replyOf(status: number, type: string, body: Buffer): Reply {
  const reply = new Reply(status, null, Body.of(body))
  reply.edits.line(fieldLine(contentType, type))
  return reply
}

const contentType = fieldName('content-type')
const nothing = Buffer.alloc(0)
