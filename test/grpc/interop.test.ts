import {
  Metadata,
  credentials,
  status,
  type CallOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type StatusObject,
} from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { InteropServer, initial, trailer } from './interop-server.ts'
import {
  TestService,
  UnimplementedService,
  sizeOf,
  zeros,
  type Filled,
  type InputRequest,
  type OutputRequest,
  type SimpleRequest,
} from './interop-service.ts'
import { interopWorld, ways, type InteropWorld } from './interop-world.ts'

for (const { name, tls } of ways) {
  t.test(`the interoperability cases of gRPC, between peers of grpc-js, ${name}`, async (t) => {
    const server = new InteropServer()
    const world = await interopWorld(t, tls, (tls) => server.start(tls))
    const peers = { ...world, server, client: stub(t, TestService, world), stranger: stub(t, UnimplementedService, world) }
    for (const [name, play] of Object.entries(cases)) {
      await t.test(name, async (t) => {
        await play(t, peers)
        await world.settled(t)
      })
    }
    t.ok(
      world.relay.protocols.every((protocol) => protocol === (tls === null ? null : 'h2')),
      'TLS agrees on h2',
    )
  })
}

/** The methods of the service, as grpc-js calls them. */
interface Stub extends Client {
  EmptyCall: Unary<object, object>
  UnaryCall: Unary<SimpleRequest, Filled>
  UnimplementedCall: Unary<object, object>
  StreamingInputCall(
    done: (error: unknown, reply?: { readonly aggregated_payload_size: number }) => void,
  ): ClientWritableStream<InputRequest>
  StreamingOutputCall(request: OutputRequest): ClientReadableStream<Filled>
  FullDuplexCall(metadata?: Metadata, options?: CallOptions): ClientDuplexStream<OutputRequest, Filled>
}

type Unary<In, Out> = (request: In, metadata: Metadata, done: (error: unknown, reply?: Out) => void) => Told

interface Told {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown
  on(event: 'status', listener: (status: StatusObject) => void): unknown
}

interface Peers extends InteropWorld {
  readonly server: InteropServer
  readonly client: Stub
  readonly stranger: Stub
}

function stub(t: Test, Service: typeof TestService, { relay, tls }: InteropWorld): Stub {
  const as = tls === null ? credentials.createInsecure() : credentials.createSsl(Buffer.from(tls.cert))
  // The name that stands in the certificate: an address is none that TLS could ask for.
  const client = new Service(`127.0.0.1:${relay.port}`, as, tls === null ? {} : { 'grpc.ssl_target_name_override': 'relay.test' })
  t.teardown(() => client.close())
  // The methods are those of the definition, which is not typed.
  return client as unknown as Stub
}

const large: SimpleRequest = { response_size: 314_159, payload: zeros(271_828) }
const sizes = [31_415, 9, 2653, 58_979]
const odd = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n'

const cases: Readonly<Record<string, (t: Test, peers: Peers) => Promise<void>>> = {
  async empty_unary(t, { client }) {
    const { code, reply } = await once((done) => client.EmptyCall({}, new Metadata(), done))
    t.same([code, reply], [status.OK, {}])
  },
  async large_unary(t, { client }) {
    const { code, reply } = await once<Filled>((done) => client.UnaryCall(large, new Metadata(), done))
    t.same([code, sizeOf(reply?.payload)], [status.OK, 314_159])
  },
  async client_streaming(t, { client }) {
    const { code, reply } = await once<{ aggregated_payload_size: number }>((done) => {
      const call = client.StreamingInputCall(done)
      for (const size of [27_182, 8, 1828, 45_904]) call.write({ payload: zeros(size) })
      call.end()
      return call
    })
    t.same([code, reply?.aggregated_payload_size], [status.OK, 74_922])
  },
  async server_streaming(t, { client }) {
    const { code, received } = await all(client.StreamingOutputCall({ response_parameters: sizes.map((size) => ({ size })) }))
    t.same([code, received], [status.OK, sizes])
  },
  async ping_pong(t, { client }) {
    const call = client.FullDuplexCall()
    const asked = [27_182, 8, 1828, 45_904]
    const say = (k: number): void => void call.write({ response_parameters: [{ size: sizes[k]! }], payload: zeros(asked[k]!) })
    say(0)
    const { code, received } = await all(call, (count) => (count < asked.length ? say(count) : call.end()))
    t.same([code, received], [status.OK, sizes])
  },
  async empty_stream(t, { client }) {
    const call = client.FullDuplexCall()
    call.end()
    const { code, received } = await all(call)
    t.same([code, received], [status.OK, []])
  },
  async custom_metadata(t, { client }) {
    const metadata = new Metadata()
    metadata.set(initial, 'test_initial_metadata_value')
    metadata.set(trailer, Buffer.from([0xab, 0xab, 0xab]))
    const unary = await once<Filled>((done) => client.UnaryCall(large, metadata, done))
    const call = client.FullDuplexCall(metadata)
    call.end({ response_parameters: [{ size: 314_159 }], payload: zeros(271_828) })
    const duplex = await all(call)
    for (const { code, leading, trailing } of [unary, duplex]) {
      t.equal(code, status.OK)
      t.same(leading.get(initial), ['test_initial_metadata_value'])
      t.same(trailing.get(trailer), [Buffer.from([0xab, 0xab, 0xab])])
    }
    t.same([sizeOf(unary.reply?.payload), duplex.received], [314_159, [314_159]])
  },
  status_code_and_message: (t, peers) => fails(t, peers, 'test status message'),
  special_status_message: (t, peers) => fails(t, peers, odd),
  async unimplemented_method(t, { client }) {
    t.equal((await once((done) => client.UnimplementedCall({}, new Metadata(), done))).code, status.UNIMPLEMENTED)
  },
  async unimplemented_service(t, { stranger }) {
    t.equal((await once((done) => stranger.UnimplementedCall({}, new Metadata(), done))).code, status.UNIMPLEMENTED)
  },
  async cancel_after_begin(t, { client, server, relay }) {
    const { begun, over } = server
    const call = client.StreamingInputCall(() => {})
    const ended = ending(call)
    await server.until(() => server.begun > begun)
    call.cancel()
    t.equal((await ended).code, status.CANCELLED)
    await server.until(() => server.over > over)
    t.equal(relay.calls.ends.at(-1), 'cancelled')
  },
  async cancel_after_first_response(t, { client, server, relay }) {
    const { over } = server
    const call = client.FullDuplexCall()
    call.write({ response_parameters: [{ size: 31_415 }], payload: zeros(27_182) })
    const { code, received } = await all(call, () => call.cancel())
    t.same([code, received], [status.CANCELLED, [31_415]])
    await server.until(() => server.over > over)
    t.equal(relay.calls.ends.at(-1), 'cancelled')
  },
  async timeout_on_sleeping_server(t, { client }) {
    const call = client.FullDuplexCall(new Metadata(), { deadline: Date.now() + 1 })
    call.write({ payload: zeros(27_182) })
    t.equal((await all(call)).code, status.DEADLINE_EXCEEDED)
  },
}

async function fails(t: Test, { client }: Peers, message: string): Promise<void> {
  const asked = { response_status: { code: 2, message } }
  const unary = await once<Filled>((done) => client.UnaryCall(asked, new Metadata(), done))
  const call = client.FullDuplexCall()
  call.end(asked)
  for (const { code, details } of [unary, await all(call)]) t.same([code, details], [2, message])
}

/** How a call ended. */
interface Ended {
  readonly code: number
  readonly details: string
  readonly leading: Metadata
  readonly trailing: Metadata
}

async function ending(call: Told): Promise<Ended> {
  let leading = new Metadata()
  call.on('metadata', (metadata) => (leading = metadata))
  return new Promise((resolve) => {
    call.on('status', ({ code, details, metadata: trailing }) => resolve({ code, details, leading, trailing }))
  })
}

/** A call with one reply. */
async function once<Out>(
  send: (done: (error: unknown, reply?: Out) => void) => Told,
): Promise<Ended & { readonly reply: Out | undefined }> {
  const replied = Promise.withResolvers<Out | undefined>()
  const ended = ending(send((_error, reply) => replied.resolve(reply)))
  return { ...(await ended), reply: await replied.promise }
}

/** A call with a stream of replies: their sizes; `then` is told of each, and how many came. */
async function all(
  call: ClientReadableStream<Filled>,
  then: (count: number) => void = () => {},
): Promise<Ended & { readonly received: readonly number[] }> {
  const received: number[] = []
  call.on('data', ({ payload }: Filled) => {
    received.push(sizeOf(payload))
    then(received.length)
  })
  // How it ended is its status.
  call.on('error', () => {})
  return { ...(await ending(call)), received }
}
