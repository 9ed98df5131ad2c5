import type { JsonObject } from '@bufbuild/protobuf'
import { credentials, makeGenericClientConstructor, Metadata, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js'
import type { StatusObject } from '@grpc/grpc-js'
import { Watched } from '../engine/helpers.ts'
import { definition, type Say } from './echo-server.ts'

/** How a call of grpc-js ended, and what came. */
export interface Outcome {
  readonly code: number
  readonly details: string
  readonly messages: readonly JsonObject[]
  readonly header: Metadata
  readonly trailer: Metadata
}

export interface GrpcOptions {
  readonly metadata?: Metadata
  readonly deadlineMs?: number
}

/** A stream that can be watched while it goes on. */
export interface Streaming extends Promise<Outcome> {
  /** Waits for so many messages. */
  read(count: number): Promise<void>
}

/** A caller of grpc-js. */
export interface GrpcClient {
  once(say: Say, options?: GrpcOptions): Promise<Outcome>
  sum(says: readonly Say[], options?: GrpcOptions): Promise<Outcome>
  count(say: Say, options?: GrpcOptions): Streaming
  chat(says: readonly Say[], options?: GrpcOptions): Streaming
}

/** A caller of a relay at a port of this machine; it ends with its test. */
export function grpcClient(t: { teardown(end: () => unknown): unknown }, port: number): GrpcClient {
  const service = definition()
  const client = new (makeGenericClientConstructor(service, 'Shop'))(`127.0.0.1:${port}`, credentials.createInsecure())
  t.teardown(() => client.close())
  const path = (name: string): { path: string; write: (say: Say) => Buffer; read: (bytes: Buffer) => JsonObject } => {
    const method = service[name]!
    return { path: method.path, write: method.requestSerialize, read: method.responseDeserialize }
  }
  return {
    once(say, options = {}) {
      const { path: to, write, read } = path('once')
      return alone((done) => client.makeUnaryRequest(to, write, read, say, options.metadata ?? new Metadata(), within(options), done))
    },
    sum(says, options = {}) {
      const { path: to, write, read } = path('sum')
      return alone((done) => {
        const call = client.makeClientStreamRequest(to, write, read, options.metadata ?? new Metadata(), within(options), done)
        for (const say of says) call.write(say)
        call.end()
        return call
      })
    },
    count(say, options = {}) {
      const { path: to, write, read } = path('count')
      return streamed(client.makeServerStreamRequest(to, write, read, say, options.metadata ?? new Metadata(), within(options)))
    },
    chat(says, options = {}) {
      const { path: to, write, read } = path('chat')
      const call = client.makeBidiStreamRequest(to, write, read, options.metadata ?? new Metadata(), within(options))
      for (const say of says) call.write(say)
      call.end()
      return streamed(call)
    },
  }
}

/** Metadata of these fields. */
export function metadataOf(fields: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.add(name, value)
  return metadata
}

function within({ deadlineMs }: GrpcOptions): { deadline?: number } {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
}

interface Told {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown
  on(event: 'status', listener: (status: StatusObject) => void): unknown
}

async function alone(send: (done: (error: ServiceError | null, message?: JsonObject) => void) => Told): Promise<Outcome> {
  return new Promise((resolve) => {
    const messages: JsonObject[] = []
    let header = new Metadata()
    const call = send((_error, message) => (message === undefined ? 0 : messages.push(message)))
    call.on('metadata', (metadata) => (header = metadata))
    call.on('status', ({ code, details, metadata }) => resolve({ code, details, messages, header, trailer: metadata }))
  })
}

function streamed(call: ClientReadableStream<JsonObject>): Streaming {
  const messages: JsonObject[] = []
  const seen = new Watched()
  const outcome = new Promise<Outcome>((resolve) => {
    let header = new Metadata()
    call.on('data', (message: JsonObject) => {
      messages.push(message)
      seen.changed()
    })
    call.on('error', () => {})
    call.on('metadata', (metadata) => (header = metadata))
    call.on('status', ({ code, details, metadata }) => resolve({ code, details, messages, header, trailer: metadata }))
  })
  return Object.assign(outcome, { read: async (count: number) => seen.until(() => messages.length >= count) })
}
