import { Server, ServerCredentials, type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { compileProto } from '../../src/descriptors/compile.ts'
import { reflection } from '../../src/transcode/reflection.ts'

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A gRPC server in this process that says what it is. */
export interface ReflectingServer {
  readonly port: number
  /** Waits until it was asked for all of its services so often. */
  asked(times: number): Promise<void>
  /** Waits until so many conversations are over. */
  left(times: number): Promise<void>
  /** The metadata of the last question. */
  key(): string
  stop(): void
}

export interface ReflectingOptions {
  readonly proto: string
  /** What of reflection it has; v1 unless told. */
  readonly version?: 'v1' | 'v1alpha' | 'none'
  readonly port?: number
  readonly credentials?: ServerCredentials
  /** Answers of a method by its whole name, bytes to bytes. */
  readonly methods?: Readonly<Record<string, (request: Buffer) => Buffer>>
  /** Takes the place of an answer. */
  readonly answer?: (request: Buffer) => Buffer | null | undefined
}

/** The set of one .proto text. */
function setOf(proto: string): Uint8Array {
  const compiled = compileProto({ files: ['test.proto'], folders: [], read: (path) => (path === 'test.proto' ? proto : null) })
  if (compiled.is === 'faults') throw new Error(JSON.stringify(compiled.faults))
  return compiled.bytes
}

/** Starts a server whose reflection tells of a .proto text. */
export async function reflectingServer(t: Scope, options: ReflectingOptions): Promise<ReflectingServer> {
  const { proto, version = 'v1', port = 0, credentials = ServerCredentials.createInsecure(), methods = {}, answer } = options
  const answers = reflection([setOf(proto)])
  const server = new Server()
  let asked = 0
  let left = 0
  const waiting = new Map<number, () => void>()
  const leaving = new Map<number, () => void>()
  let key = ''
  const info = (call: ServerDuplexStream<Buffer, Buffer>): void => {
    key = String(call.metadata.get('x-api-key')[0] ?? '')
    call.on('data', (request: Buffer) => {
      if (request[0] === listServices) waiting.get(++asked)?.()
      const own = answer?.(request)
      if (own === null) call.emit('error', { code: status.INTERNAL, details: 'no more' })
      else call.write(own ?? Buffer.from(answers.answer(request) ?? []))
    })
    call.on('end', () => call.end())
    call.on('cancelled', () => leaving.get(++left)?.())
  }
  const name = `grpc.reflection.${version}.ServerReflection`
  const same = (bytes: Buffer): Buffer => bytes
  const method = (path: string, isStream: boolean) => ({
    path,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  })
  if (version !== 'none') server.addService({ info: method(`/${name}/ServerReflectionInfo`, true) }, { info })
  for (const [path, reply] of Object.entries(methods)) {
    const implementation: UntypedServiceImplementation = {
      call: (call: { readonly request: Buffer }, done: (error: null, reply: Buffer) => void) => done(null, reply(call.request)),
    }
    server.addService({ call: method(`/${path}`, false) }, implementation)
  }
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, port) => (error === null ? resolve(port) : reject(error)))
  })
  t.teardown(() => server.forceShutdown())
  return {
    port: bound,
    asked: (times) => new Promise((resolve) => (asked >= times ? resolve() : waiting.set(times, resolve))),
    left: (times) => new Promise((resolve) => (left >= times ? resolve() : leaving.set(times, resolve))),
    key: () => key,
    stop: () => server.forceShutdown(),
  }
}

/** The tag of the field that asks for services. */
const listServices = 0x3a
