import { fileURLToPath } from 'node:url'
import { loadPackageDefinition, type ServiceClientConstructor, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** A message to be filled, as the interoperability cases have it. */
export interface Payload {
  readonly body: Buffer
}

interface Switch {
  readonly value: boolean
}

interface EchoStatus {
  readonly code: number
  readonly message: string
}

/** What a unary call asks for. */
export interface SimpleRequest {
  readonly response_size?: number
  readonly payload?: Payload | null
  readonly response_compressed?: Switch | null
  readonly expect_compressed?: Switch | null
  readonly response_status?: EchoStatus | null
}

/** One message of a stream of requests. */
export interface InputRequest {
  readonly payload?: Payload | null
  readonly expect_compressed?: Switch | null
}

/** What a stream of replies is asked for. */
export interface OutputRequest {
  readonly response_parameters?: readonly { readonly size: number; readonly compressed?: Switch | null }[]
  readonly payload?: Payload | null
  readonly response_status?: EchoStatus | null
}

/** A reply with so many bytes. */
export interface Filled {
  readonly payload: Payload | null
}

const file = fileURLToPath(new URL('interop.proto', import.meta.url))
const loaded = loadSync(file, { keepCase: true, defaults: true, arrays: true })

// What a definition loads is not typed.
const { grpc } = loadPackageDefinition(loaded) as unknown as {
  readonly grpc: { readonly testing: Record<string, ServiceClientConstructor> }
}

/** Makes clients of the two services. */
export const TestService: ServiceClientConstructor = grpc.testing['TestService']!
export const UnimplementedService: ServiceClientConstructor = grpc.testing['UnimplementedService']!

/** What a server serves: all but the method that none has. */
export const served: ServiceDefinition = Object.fromEntries(
  Object.entries(TestService.service).filter(([name]) => name !== 'UnimplementedCall'),
)

/** So many zeros. */
export function zeros(size: number): Payload {
  return { body: Buffer.alloc(size) }
}

/** The bytes of a payload, which are all zero; -1: some are not. */
export function sizeOf(payload: Payload | null | undefined): number {
  const body = payload?.body ?? Buffer.alloc(0)
  return body.equals(Buffer.alloc(body.length)) ? body.length : -1
}
