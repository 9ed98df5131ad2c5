/** Descriptors of gRPC services: a serialized `google.protobuf.FileDescriptorSet`, or what the server itself says (control asks it before a plan goes to workers). */
export type DescriptorsPlan = { readonly is: 'set'; readonly bytes: Uint8Array } | { readonly is: 'reflect' }

/** Conditions on a call, all of which must hold. */
export interface WhenPlan {
  /** Names in lower case. */
  readonly headers: readonly FieldMatchPlan[]
  readonly query: readonly FieldMatchPlan[]
  /** Patterns of models (`claude-opus-*`), one of which must match what the body asks for; null: any, or none. */
  readonly models: readonly string[] | null
}

/**
 * A field or parameter: one of these patterns (`*` is any text) matches its value, or with `isAbsent` it is not there at all; null: it is
 * there, whatever its value, or with `isAbsent` not there.
 */
export interface FieldMatchPlan {
  readonly name: string
  readonly values: readonly string[] | null
  readonly isAbsent: boolean
}

export type TranslatePlan = JsonToGrpcPlan | GrpcToJsonPlan | OpenAiPlan

/** HTTP/JSON callers of a gRPC upstream, by `google.api.http`; gRPC, gRPC-Web and Connect callers pass. */
export interface JsonToGrpcPlan {
  readonly is: 'json_to_grpc'
  readonly descriptors: DescriptorsPlan
  /** `package.Service/Method`: the route's path is bound to this method alone; null: all methods, by their annotations. */
  readonly method: string | null
  /** Query parameters and JSON fields that the message does not have are dropped instead of refused. */
  readonly discardUnknown: boolean
  /** Fields that have their default value are written too. */
  readonly emitDefaults: boolean
  /** Bytes of a message, either way. */
  readonly mostMessage: number
}

/** gRPC callers of an HTTP/JSON upstream, by the same annotations. */
export interface GrpcToJsonPlan {
  readonly is: 'grpc_to_json'
  readonly descriptors: Extract<DescriptorsPlan, { is: 'set' }>
  readonly mostMessage: number
}

/** OpenAI callers of a Claude upstream. */
export interface OpenAiPlan {
  readonly is: 'openai'
  /** What has no counterpart is dropped instead of refused. */
  readonly lossy: boolean
  /** Claude's model for a name that callers use (`gpt-*` is a pattern); one that is not here passes as it is. */
  readonly models: Readonly<Record<string, string>>
  /** `max_tokens` where a caller says none. */
  readonly maxTokens: number
}
