import { RelayError } from '../base/errors.ts'
import type { Reply, Stage } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import { brokenTrailers } from '../protocol/grpc/status.ts'
import { writeTimeout } from '../protocol/grpc/timeout.ts'
import { deadlineExceeded } from './grpc-deadline.ts'
import { isGrpcType } from './grpc-head.ts'

/** Refuses who does not speak gRPC in any form, where nobody translates for them. */
export function grpcOnly(): Stage {
  return (call, next) => {
    if (grpcCaller(call.head.fields) !== null) return next(call)
    return Promise.reject(new RelayError('unsupported_type', 'only gRPC, gRPC-Web and Connect are spoken on this route: content-type'))
  }
}

/**
 * What every gRPC call says to its upstream of this hop: that trailers are understood, and the time that is left. Its reply, where it
 * breaks off, ends by a status of gRPC's own.
 */
export function grpcOut(): Stage {
  return (call, next) => {
    call.edits.line(trailers)
    if (call.deadlineAt !== Infinity) {
      const left = call.deadlineAt - performance.now()
      if (left <= 0) return Promise.reject(deadlineExceeded())
      call.edits.setLine(timeout, fieldLine(timeout, writeTimeout(left)))
    }
    return next(call).then(endsByStatus)
  }
}

function endsByStatus(reply: Reply): Reply {
  if (reply.head !== null && isGrpcType(reply.head)) reply.body.lastTrailers ??= brokenTrailers
  return reply
}

const trailers = fieldLine(fieldName('te'), 'trailers')
const timeout = fieldName('grpc-timeout')
