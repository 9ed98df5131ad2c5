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
    return Promise.reject(new RelayError('unsupported_type', 'only gRPC, gRPC-Web and Connect are spoken on this route'))
  }
}

/**
 * What a gRPC upstream's calls have in common on their way out: it is told the time that is left, and a reply that breaks off ends by a
 * status of gRPC's own.
 */
export function grpcOut(): Stage {
  return (call, next) => {
    if (call.deadlineAt !== Infinity) {
      const left = call.deadlineAt - performance.now()
      if (left <= 0) return Promise.reject(deadlineExceeded())
      // Its caller's time decides, where that is longer than the route's own patience; but nobody waits for days.
      call.firstByteMs = Math.max(call.firstByteMs, Math.min(left, mostPatienceMs))
      call.edits.setLine(timeout, fieldLine(timeout, writeTimeout(left)))
    }
    return next(call).then(endsByStatus)
  }
}

function endsByStatus(reply: Reply): Reply {
  if (reply.head !== null && isGrpcType(reply.head)) reply.body.lastTrailers ??= brokenTrailers
  return reply
}

const timeout = fieldName('grpc-timeout')
/** How long a caller may have an upstream waited for. */
const mostPatienceMs = 3_600_000
