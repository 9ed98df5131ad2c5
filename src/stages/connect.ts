import type { Stage } from '../engine/call.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import type { ConnectOptions } from './connect-codec.ts'
import { streamCall } from './connect-stream.ts'
import { unaryCall } from './connect-unary.ts'

/**
 * Callers of Connect: a unary call, whose bodies are bare messages, is read whole and put into gRPC's frames; of a stream, whose frames
 * are gRPC's already, only the last one is made. Messages are decoded only where they are JSON.
 */
export function connect(options: ConnectOptions): Stage {
  return (call, next) => {
    const caller = grpcCaller(call.head.fields)
    switch (caller?.is) {
      case 'connect':
        return unaryCall(call, caller, { ...options, next })
      case 'connect_stream':
        return streamCall(call, caller, { ...options, next })
      default:
        return next(call)
    }
  }
}
