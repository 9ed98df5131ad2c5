import { ScalarType } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Method } from '../transcode/types.ts'

/**
 * A request's message with its field `stream` (a bool, where there is one) as the method is: a backend that streams on demand is asked so
 * by its body. Of a field that stands twice in a message the later counts, so it is written behind the others.
 */
export function withStream({ input, serverStreaming }: Method, message: Buffer): Buffer {
  const field = input.field['stream']
  if (field?.fieldKind !== 'scalar' || field.scalar !== ScalarType.BOOL) return message
  return Buffer.concat([message, new BinaryWriter().tag(field.number, WireType.Varint).bool(serverStreaming).finish()])
}
