import type { DescMessage } from '@bufbuild/protobuf'

/** What a transcoder is made of. */
export interface TranscoderOptions {
  /** A serialized `google.protobuf.FileDescriptorSet`, in any order; `google/protobuf/*`, `google/api/*` and `google/rpc/*` may be left out. */
  readonly descriptors: Uint8Array
  /** One method alone, at this path, whatever its annotations say; null: all methods, each by its annotations. */
  readonly only?: BoundMethod | null
  /** Query parameters and JSON fields that a request's message does not have are dropped instead of refused. */
  readonly discardUnknown?: boolean
  /** Fields without presence that have their default value are written into JSON too. */
  readonly emitDefaults?: boolean
  /** Only gRPC calls are put into HTTP, never the other way: no path has to mean one method alone, and `find` finds nothing. */
  readonly backwards?: boolean
  /** Bytes of one message, either way, as JSON and as protobuf. */
  readonly mostMessage: number
}

/** A method bound to a path of the config. GET, HEAD and DELETE take their fields from path and query, other methods from the body (`*`). */
export interface BoundMethod {
  /** `package.Service/Method` */
  readonly name: string
  /** `/v1/users/{id}` */
  readonly template: string
  /** HTTP methods it answers; left out: GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly httpMethods?: readonly string[]
}

/** Which gRPC method an HTTP call means, and its messages as JSON and as bytes. All that its parts throw is a RelayError: `bad_request` of a caller, `upstream_failed` of an upstream. */
export interface Transcoder {
  /** The path is as it came: percent-coded, without the query. */
  find(httpMethod: string, path: string): Found
  /** By gRPC path, `/package.Service/Method`. */
  method(path: string): Method | null
  readonly methods: readonly Method[]
  readonly statuses: Statuses
}

export type Found =
  | { readonly is: 'found'; readonly match: Match }
  /** The path is known, under other HTTP methods (for `allow`; `*` does not occur). */
  | { readonly is: 'other_method'; readonly allow: readonly string[] }
  | { readonly is: 'no_path' }

/** One HTTP call that means a method. */
export interface Match {
  readonly method: Method
  /** The template that matched, for logs and metrics: `/v1/users/{id}`. */
  readonly template: string
  /** What the rule takes from the body; `none`: the body has to be empty. `raw`: it is a `google.api.HttpBody`, any bytes. */
  readonly body: 'json' | 'raw' | 'none'
  /** What goes out of its replies is a `google.api.HttpBody`. */
  readonly rawReply: boolean
  /** The one message of a call that streams none. `query` is what stands behind the `?`. */
  request(query: string, body: Uint8Array, contentType: string): Uint8Array
  /** The messages of a call that streams them, out of NDJSON, a JSON array, JSON values one after another, or raw bytes. */
  requests(query: string, contentType: string): RequestStream
  /** One message of the reply by the rule's `response_body`. */
  reply(message: Uint8Array): Rendered
}

/** Messages out of a body, as it comes; `emit` gets each serialized message (without gRPC's five bytes). */
export interface RequestStream {
  /** How many of the bytes it has read: fewer than all where `isFull` said that there was enough for now. */
  push(bytes: Uint8Array, emit: (message: Uint8Array) => void, isFull?: () => boolean): number
  end(emit: (message: Uint8Array) => void): void
}

/** A message as an HTTP body: JSON, or the raw bytes of a `google.api.HttpBody` with their own type. */
export interface Rendered {
  readonly is: 'json' | 'raw'
  readonly bytes: Buffer
  readonly contentType: string
}

/** A method of a service. */
export interface Method {
  /** `/package.Service/Method` */
  readonly path: string
  /** `package.Service/Method` */
  readonly name: string
  readonly service: string
  readonly input: DescMessage
  readonly output: DescMessage
  readonly clientStreaming: boolean
  readonly serverStreaming: boolean
  /** Replies are `google.api.HttpBody` (by the first rule's `response_body`, or whole). */
  readonly rawReply: boolean
  /** `option idempotency_level = NO_SIDE_EFFECTS` */
  readonly isSafe: boolean
  /** A whole message, without any rule (Connect's JSON). */
  requestFromJson(json: Uint8Array): Uint8Array
  replyToJson(message: Uint8Array): Buffer
  /** The request that a REST backend gets for a message. */
  toHttp(message: Uint8Array): HttpRequest
  /** The body alone: of a stream's further messages. */
  toHttpBody(message: Uint8Array): Rendered | null
  /** The message that a REST backend's body is; of a stream: one JSON value, or one chunk of raw bytes. */
  fromHttp(body: Uint8Array, contentType: string): Uint8Array
}

/** What goes to a REST backend. */
export interface HttpRequest {
  readonly method: string
  /** Path and query, percent-coded. */
  readonly target: string
  readonly body: Buffer | null
  /** null where there is no body. */
  readonly contentType: string | null
}

/** A `google.rpc.Status`. */
export interface RpcStatus {
  readonly code: number
  readonly message: string
  /** The serialized status with all details (for `grpc-status-details-bin`); empty where there are none. */
  readonly details: Uint8Array
}

/** `google.rpc.Status` as JSON and as bytes; details of types that nobody knows keep `@type` and a base64 `value`. */
export interface Statuses {
  toJson(status: RpcStatus): Buffer
  /** A body that is a status (`{code, message, details}`, or within `error`, with an HTTP code and a `status` name); null: it is none. */
  fromJson(body: Uint8Array): RpcStatus | null
}
