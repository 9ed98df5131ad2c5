import { fromJson, toJson, type DescMethodStreaming, type DescMethodUnary, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import { ConnectError, type StreamResponse, type Transport, type UnaryResponse } from '@connectrpc/connect'
import { compressionGzip, createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node'
import { echo, type Say } from './echo-server.ts'

/** A caller made of one of the transports of connect-node. */
export interface NodeCaller {
  readonly name: string
  once(say: Say, options?: CallOptions): Promise<Answer>
  count(say: Say, options?: CallOptions): Promise<Answers>
  sum(says: readonly Say[], options?: CallOptions): Promise<Answers>
  chat(says: AsyncIterable<Say>, options?: CallOptions): Promise<Answers>
}

export interface CallOptions {
  readonly headers?: Record<string, string>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** One message, and the metadata around it. */
export interface Answer {
  readonly message: JsonObject
  readonly header: Headers
  readonly trailer: Headers
}

/** A stream of messages; the trailers are there at its end. */
export interface Answers {
  readonly messages: AsyncIterable<JsonObject>
  readonly header: Headers
  readonly trailer: Headers
}

/** Callers in every protocol, over one version of HTTP, of a relay at a port of this machine. */
export function nodeCallers(port: number, httpVersion: '1.1' | '2'): readonly NodeCaller[] {
  const options = { baseUrl: `http://127.0.0.1:${port}`, httpVersion } as const
  const gzip = { ...options, sendCompression: compressionGzip, compressMinBytes: 0 }
  const callers = [
    callerOf('Connect', createConnectTransport(options)),
    callerOf('Connect in JSON', createConnectTransport({ ...options, useBinaryFormat: false })),
    callerOf('Connect with gzip', createConnectTransport(gzip)),
    callerOf('Connect in JSON with gzip', createConnectTransport({ ...gzip, useBinaryFormat: false })),
    callerOf('gRPC-Web', createGrpcWebTransport(options)),
  ]
  return httpVersion === '2' ? [...callers, callerOf('gRPC', createGrpcTransport({ baseUrl: options.baseUrl }))] : callers
}

function callerOf(name: string, transport: Transport): NodeCaller {
  const stream = async (method: string, says: AsyncIterable<Say>, options: CallOptions = {}): Promise<Answers> => {
    const { signal, timeoutMs, headers } = options
    const found = echo.method[method] as DescMethodStreaming
    return answersOf(await transport.stream(found, signal, timeoutMs, headers, inputs(says)))
  }
  return {
    name,
    async once(say, { signal, timeoutMs, headers } = {}) {
      const found = echo.method['once'] as DescMethodUnary
      return answerOf(await transport.unary(found, signal, timeoutMs, headers, fromJson(found.input, jsonOf(say))))
    },
    count: (say, options) => stream('count', each([say]), options),
    sum: (says, options) => stream('sum', each(says), options),
    chat: (says, options) => stream('chat', says, options),
  }
}

async function* inputs(says: AsyncIterable<Say>): AsyncGenerator<ReturnType<typeof fromJson>> {
  for await (const say of says) yield fromJson(echo.method['once']!.input, jsonOf(say))
}

async function* each(says: readonly Say[]): AsyncGenerator<Say> {
  yield* says
}

function jsonOf(say: Say): JsonValue {
  return { ...say }
}

function answerOf({ message, header, trailer, method }: UnaryResponse): Answer {
  return { message: toJson(method.output, message) as JsonObject, header, trailer }
}

function answersOf({ message, header, trailer, method }: StreamResponse): Answers {
  const messages = async function* (): AsyncGenerator<JsonObject> {
    for await (const one of message) yield toJson(method.output, one) as JsonObject
  }
  return { messages: messages(), header, trailer }
}

/** All messages of a stream. */
export async function all({ messages }: Answers): Promise<JsonObject[]> {
  const read: JsonObject[] = []
  for await (const message of messages) read.push(message)
  return read
}

/** What a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call
  } catch (error) {
    return ConnectError.from(error)
  }
  throw new Error('the call did not fail')
}
