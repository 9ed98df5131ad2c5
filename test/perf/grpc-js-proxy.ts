import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  Client,
  Server,
  ServerCredentials,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
  type UntypedServiceImplementation,
  type handleUnaryCall,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { echoPath, echoProto } from './echo.ts'

// What relay's translation is compared with: the same proxy as one would write it with grpc-js.
//   pass PORT UPSTREAM: gRPC in, gRPC out, messages not decoded, metadata passed both ways
//   json PORT UPSTREAM: JSON over node:http in, gRPC out
const [mode, port = '0', upstream = ''] = process.argv.slice(2)

if (mode === 'pass') pass()
else json()

function pass(): void {
  const raw = (bytes: Buffer): Buffer => bytes
  const client = new Client(upstream, credentials.createInsecure())
  const say: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const options = { deadline: call.getDeadline() }
    const asked = client.makeUnaryRequest(echoPath, raw, raw, call.request, call.metadata, options, (error, reply) =>
      callback(error, reply),
    )
    asked.on('metadata', (metadata) => call.sendMetadata(metadata))
    call.on('cancelled', () => asked.cancel())
  }
  const codec = { requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw }
  const server = new Server()
  // The shape that grpc-js asks for, whose functions are not typed.
  const service: UntypedServiceImplementation = { Say: say }
  server.addService({ Say: { path: echoPath, requestStream: false, responseStream: false, ...codec } }, service)
  server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
    if (error) throw error
  })
}

interface Echo {
  Say(message: unknown, options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void): void
}

function json(): void {
  const definition = loadSync(echoProto, { keepCase: true, longs: String, enums: String, defaults: true })
  // What a definition loads is not typed: here it is the package `bench`.
  const { bench } = loadPackageDefinition(definition) as unknown as { bench: { Echo: ServiceClientConstructor } }
  // As above: the one method of the service.
  const client = new bench.Echo(upstream, credentials.createInsecure()) as unknown as Echo
  createServer((request, response) => answer(client, request, response)).listen(Number(port), '127.0.0.1')
}

function answer(client: Echo, request: IncomingMessage, response: ServerResponse): void {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const message: unknown = JSON.parse(Buffer.concat(pieces).toString())
    client.Say(message, { deadline: Date.now() + 20_000 }, (error, reply) => {
      const text = JSON.stringify(error === null ? reply : { code: error.code, message: error.details })
      response.writeHead(error === null ? 200 : 500, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      response.end(text)
    })
  })
}
