import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type DescMethod,
  type DescService,
  type JsonObject,
} from '@bufbuild/protobuf'
import { Metadata, Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js'
import type { ServerDuplexStream, ServerReadableStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { retryInfo, writeRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { readDescriptors } from '../../src/transcode/descriptors.ts'
import { Watched } from '../engine/helpers.ts'
import { setOf } from '../transcode/proto.ts'

/** Four methods, one of each kind, that say back what they hear. */
export const echoSet: Uint8Array = setOf({
  package: 'echo.v1',
  messages: {
    Say: ['string text = 1', 'int32 count = 2', 'int32 fail = 3', 'bytes data = 4', 'bool hang = 5'],
    Said: ['string text = 1', 'int64 sum = 2', 'bytes data = 4'],
  },
  methods: {
    Once: { in: 'Say', out: 'Said' },
    Count: { in: 'Say', out: 'Said', streams: 'out' },
    Sum: { in: 'Say', out: 'Said', streams: 'in' },
    Chat: { in: 'Say', out: 'Said', streams: 'both' },
  },
})

/** A request, as JSON. */
export interface Say {
  readonly text?: string
  /** Messages to answer. */
  readonly count?: number
  /** The status to end with. */
  readonly fail?: number
  readonly data?: string
  /** Waits for its caller to leave instead of ending. */
  readonly hang?: boolean
}

/** A gRPC server of grpc-js, and what it has seen. */
export class EchoServer extends Watched {
  port = 0
  /** Calls that are over: grpc-js says so of those, too, that were answered. */
  cancelled = 0
  /** Calls that have begun. */
  begun = 0
  /** ms that the last call had. */
  timeLeft = Infinity
  metadata = new Metadata()
  private readonly server = new Server()

  async start(): Promise<this> {
    this.server.addService(definition(), this.methods())
    this.port = await new Promise((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)))
    })
    return this
  }

  stop(): void {
    this.server.forceShutdown()
  }

  private methods(): UntypedServiceImplementation {
    return {
      once: (call: ServerUnaryCall<Say, JsonObject>, done: sendUnaryData<JsonObject>) => {
        this.seen(call)
        if (call.request.hang === true) return
        const { fail = 0 } = call.request
        if (fail === 0) done(null, saidOf(call.request), trailing(call.metadata))
        else done(failure(fail, call.metadata))
      },
      count: (call: ServerWritableStream<Say, JsonObject>) => {
        this.seen(call)
        this.answer(call, call.request)
      },
      sum: (call: ServerReadableStream<Say, JsonObject>, done: sendUnaryData<JsonObject>) => {
        this.seen(call)
        const heard: Say[] = []
        call.on('data', (say: Say) => heard.push(say))
        call.on('end', () => {
          const fail = heard.find((say) => (say.fail ?? 0) > 0)?.fail ?? 0
          const sum = heard.reduce((all, { count = 0 }) => all + count, 0)
          if (fail === 0) done(null, { text: heard.map(({ text }) => text).join(' '), sum: String(sum) }, trailing(call.metadata))
          else done(failure(fail, call.metadata))
        })
      },
      chat: (call: ServerDuplexStream<Say, JsonObject>) => {
        this.seen(call)
        call.on('data', (say: Say) => {
          if (say.fail !== undefined || say.hang === true) this.answer(call, say)
          else call.write(saidOf(say))
        })
        call.on('end', () => call.end(trailing(call.metadata)))
      },
    }
  }

  private answer(call: ServerWritableStream<Say, JsonObject> | ServerDuplexStream<Say, JsonObject>, say: Say): void {
    for (let k = 1; k <= (say.count ?? 0); k++) call.write({ text: `${say.text ?? ''}${k}` })
    if (say.hang === true) return
    if ((say.fail ?? 0) > 0) call.emit('error', failure(say.fail!, call.metadata))
    else call.end(trailing(call.metadata))
  }

  private seen(call: Seen): void {
    this.begun++
    this.metadata = call.metadata
    const deadline = call.getDeadline()
    this.timeLeft = deadline === Infinity ? Infinity : Number(deadline) - Date.now()
    call.on('cancelled', () => {
      this.cancelled++
      this.changed()
    })
    const leading = new Metadata()
    for (const name of ['x-ask', 'x-ask-bin']) for (const value of call.metadata.get(name)) leading.add(name.replace('ask', 'lead'), value)
    call.sendMetadata(leading)
    this.changed()
  }
}

/** What calls of all kinds have in common. */
interface Seen {
  readonly metadata: Metadata
  getDeadline(): Date | number
  sendMetadata(metadata: Metadata): void
  on(event: 'cancelled', listener: () => void): unknown
}

/** Starts one that ends with its test. */
export async function echoServer(t: { teardown(end: () => unknown): unknown }): Promise<EchoServer> {
  const server = await new EchoServer().start()
  t.teardown(() => server.stop())
  return server
}

function saidOf({ text = '', count = 0, data = '' }: Say): JsonObject {
  return { text, sum: String(count), data }
}

function trailing(asked: Metadata): Metadata {
  const metadata = new Metadata()
  for (const name of ['x-ask', 'x-ask-bin']) for (const value of asked.get(name)) metadata.add(name.replace('ask', 'trail'), value)
  return metadata
}

function failure(code: number, asked: Metadata): { code: number; details: string; metadata: Metadata } {
  const details = `größe 100 % (${code})`
  const metadata = trailing(asked)
  if (code <= 16) metadata.add('grpc-status-details-bin', writeRichStatus({ code, message: details, details: [retryInfo(1500)] }))
  return { code, details, metadata }
}

/** The service, as its descriptors have it. */
export const echo: DescService = readDescriptors(echoSet).files.getService('echo.v1.Shop')!

/** The service, as grpc-js has it. */
export function definition(): ServiceDefinition {
  const methods = echo.methods.map((method) => [method.name.toLowerCase(), methodOf(method)] as const)
  return Object.fromEntries(methods)
}

function methodOf({ name, input, output, methodKind }: DescMethod): ServiceDefinition[string] {
  return {
    path: `/${echo.typeName}/${name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: writerOf(input),
    requestDeserialize: readerOf(input),
    responseSerialize: writerOf(output),
    responseDeserialize: readerOf(output),
  }
}

function writerOf(type: DescMessage): (json: JsonObject) => Buffer {
  return (json) => Buffer.from(toBinary(type, fromJson(type, json)))
}

function readerOf(type: DescMessage): (bytes: Buffer) => unknown {
  return (bytes) => toJson(type, fromBinary(type, bytes))
}
