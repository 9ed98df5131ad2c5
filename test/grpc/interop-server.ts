import { Metadata, Server, ServerCredentials, type ServerReadableStream, type ServerDuplexStream } from '@grpc/grpc-js'
import type { ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import { Watched } from '../engine/helpers.ts'
import { served, sizeOf, zeros, type Filled, type InputRequest, type OutputRequest, type SimpleRequest } from './interop-service.ts'

/** The server of the interoperability cases, of grpc-js. */
export class InteropServer extends Watched {
  port = 0
  /** Calls that have begun, and those whose streams are over, answered or not. */
  begun = 0
  over = 0
  private readonly server = new Server()

  async start(tls: { readonly cert: string; readonly key: string } | null): Promise<this> {
    const pair = tls === null ? null : { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }
    const as = pair === null ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [pair])
    this.server.addService(served, this.methods())
    this.port = await new Promise((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', as, (error, port) => (error ? reject(error) : resolve(port)))
    })
    return this
  }

  stop(): void {
    this.server.forceShutdown()
  }

  private methods(): UntypedServiceImplementation {
    return {
      EmptyCall: (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => {
        this.seen(call)
        done(null, {}, trailing(call.metadata))
      },
      UnaryCall: (call: ServerUnaryCall<SimpleRequest, Filled>, done: sendUnaryData<Filled>) => {
        this.seen(call)
        const { response_status: status, response_size: size = 0 } = call.request
        const metadata = trailing(call.metadata)
        if (status === null || status === undefined) done(null, { payload: zeros(size) }, metadata)
        else done({ code: status.code, details: status.message, metadata })
      },
      StreamingInputCall: (call: ServerReadableStream<InputRequest, object>, done: sendUnaryData<object>) => {
        this.seen(call)
        let sum = 0
        call.on('data', ({ payload }: InputRequest) => (sum += sizeOf(payload)))
        call.on('end', () => done(null, { aggregated_payload_size: sum }, trailing(call.metadata)))
      },
      StreamingOutputCall: (call: ServerWritableStream<OutputRequest, Filled>) => {
        this.seen(call)
        answer(call, call.request)
        call.end(trailing(call.metadata))
      },
      FullDuplexCall: (call: ServerDuplexStream<OutputRequest, Filled>) => {
        this.seen(call)
        call.on('data', (request: OutputRequest) => {
          const { response_status: status } = request
          if (status === null || status === undefined) answer(call, request)
          else call.emit('error', { code: status.code, details: status.message, metadata: trailing(call.metadata) })
        })
        call.on('end', () => call.end(trailing(call.metadata)))
      },
    }
  }

  private seen(call: Seen): void {
    this.begun++
    // grpc-js says so of every call.
    call.on('cancelled', () => {
      this.over++
      this.changed()
    })
    const leading = new Metadata()
    for (const value of call.metadata.get(initial)) leading.add(initial, value)
    call.sendMetadata(leading)
    this.changed()
  }
}

/** What calls of all kinds have in common. */
interface Seen {
  readonly metadata: Metadata
  sendMetadata(metadata: Metadata): void
  on(event: 'cancelled', listener: () => void): unknown
}

function answer(call: { write(message: Filled): unknown }, { response_parameters: asked = [] }: OutputRequest): void {
  for (const { size } of asked) call.write({ payload: zeros(size) })
}

function trailing(asked: Metadata): Metadata {
  const metadata = new Metadata()
  for (const value of asked.get(trailer)) metadata.add(trailer, value)
  return metadata
}

/** Metadata that come back, in front and behind. */
export const initial = 'x-grpc-test-echo-initial'
export const trailer = 'x-grpc-test-echo-trailing-bin'
