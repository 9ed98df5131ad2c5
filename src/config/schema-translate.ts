import { z } from 'zod'
import { amountOf, flag, sizeOr } from './schema-parts.ts'

const file = z.string().min(1).max(4096)
const files = z.union([file, z.array(file).min(1).max(100)])

const protoText = 'The .proto file, or a list of them, that says what the methods are; relative to this file.'
const protoPathText =
  'The folder, or a list of them, in which imports of `proto` are looked for, besides the folder of each file of `proto`. The files that come ' +
  'with protoc (google/protobuf) and google/api and google/rpc are built in. Default: none.'
const setText =
  'A serialized google.protobuf.FileDescriptorSet in place of `proto`: what `protoc --include_imports --descriptor_set_out` and `buf build` write.'

/** Where the descriptors of a gRPC server come from: at most one of `proto`, `descriptors` and `reflect`. */
export const descriptorFields = {
  proto: files.optional().describe(`${protoText} JSON callers need it. Default: none.`),
  protoPath: files.optional().describe(protoPathText),
  descriptors: file.optional().describe(`${setText} Default: none.`),
  reflect: z
    .boolean()
    .optional()
    .describe(
      'Whether the server itself is asked what its methods are, by grpc.reflection (v1, else v1alpha). Until it has answered, JSON callers get ' +
        '503. Default: true where a route names a method and nothing else says what it is, else false.',
    ),
}

const message = sizeOr('4MiB', 'Most bytes of one message, either way; beyond, 413 from the caller and 502 from the upstream.')

/** How JSON callers of a gRPC upstream are served. */
export const transcodeSchema = z.union([
  z.boolean(),
  z.strictObject({
    discardUnknown: flag(
      false,
      'Drops query parameters and JSON fields that the message does not have, instead of refusing them with 400.',
    ),
    emitDefaults: flag(false, 'Writes fields that have their default value into replies, too.'),
    message,
  }),
])

/** The gRPC service that a route shows of an HTTP/JSON upstream. */
export const grpcServiceSchema = z.strictObject({
  proto: files.optional().describe(`${protoText} Default: none; give proto or descriptors.`),
  protoPath: files.optional().describe(protoPathText),
  descriptors: file.optional().describe(`${setText} Default: none; give proto or descriptors.`),
  message,
})

const model = z.string().min(1).max(128)

/** How callers of the API of OpenAI are served. */
export const openAiSchema = z.union([
  z.boolean(),
  z.strictObject({
    lossy: flag(false, 'Drops what has no counterpart in the API of Claude, instead of refusing it with 400.'),
    models: z
      .record(model, model)
      .default({})
      .describe('The model of Claude for a name that callers use; * stands for any text: gpt-4o*. Default: none; names pass as they are.'),
    maxTokens: amountOf('The max_tokens of a call that says none. Default: 4096.').prefault(4096),
  }),
])

/** A route's or upstream's sources of descriptors after parsing. */
export interface DescriptorFile {
  readonly proto?: string | readonly string[] | undefined
  readonly protoPath?: string | readonly string[] | undefined
  readonly descriptors?: string | undefined
  readonly reflect?: boolean | undefined
}
