import { RelayError } from '../base/errors.ts'
import { Code } from '../protocol/grpc/code.ts'
import { fieldText } from '../protocol/grpc/field.ts'
import { Flag } from '../protocol/grpc/frames.ts'
import { inflateMessage } from '../protocol/grpc/inflate.ts'
import type { Head } from '../protocol/head.ts'

/** A message as it came in its frame, and the head that says how it is compressed. */
export interface FramedMessage {
  readonly message: Buffer
  readonly flags: number
  readonly head: Head
  /** Bytes that it may have. */
  readonly most: number
  readonly from: 'caller' | 'upstream'
}

/** A message without its compression. What fails has the status that gRPC's own libraries give it (grpc: doc/statuscodes.md). */
export function plainMessage({ message, flags, head, most, from }: FramedMessage): Buffer {
  if ((flags & Flag.compressed) === 0) return message
  const isCallers = from === 'caller'
  const encoding = (fieldText(head, grpcEncoding) ?? 'identity').toLowerCase()
  const inflated = encoding === 'identity' ? { is: 'broken' as const } : inflateMessage(message, encoding, most)
  switch (inflated.is) {
    case 'inflated':
      return inflated.bytes
    case 'unknown':
      throw new RelayError(isCallers ? 'not_supported' : 'upstream_failed', `grpc-encoding ${encoding} is not supported`, {
        grpc: isCallers ? Code.unimplemented : Code.internal,
      })
    case 'too_large':
      throw new RelayError(isCallers ? 'too_large' : 'upstream_failed', `a message has more than ${most} bytes when it is decompressed`, {
        grpc: Code.resourceExhausted,
      })
    case 'broken':
      throw new RelayError(isCallers ? 'bad_request' : 'upstream_failed', `a message is not the ${encoding} that its head says`, {
        grpc: Code.internal,
      })
  }
}

const grpcEncoding = Buffer.from('grpc-encoding')
