import { status } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { CompressingCaller, CompressingServer } from './interop-compressed.ts'
import { zeros } from './interop-service.ts'
import { interopWorld, ways } from './interop-world.ts'

for (const { name, tls } of ways) {
  t.test(`the interoperability cases of gRPC where messages are compressed one by one, ${name}`, async (t) => {
    const server = new CompressingServer()
    const world = await interopWorld(t, tls, (tls) => server.start(tls))
    const caller = new CompressingCaller(world.relay.port, tls)
    t.teardown(() => caller.close())
    for (const [name, play] of Object.entries(cases)) {
      await t.test(name, async (t) => {
        await play(t, caller)
        await world.settled(t)
      })
    }
  })
}

const invalid = { code: status.INVALID_ARGUMENT, received: [] }
const expected = { value: true }
const unexpected = { value: false }
const large = { response_size: 314_159, payload: zeros(271_828) }

const cases: Readonly<Record<string, (t: Test, caller: CompressingCaller) => Promise<void>>> = {
  async client_compressed_unary(t, caller) {
    const answered = { code: status.OK, received: [{ size: 314_159, isCompressed: false }] }
    const plain = { ...large, expect_compressed: unexpected }
    const squeezed = { ...large, expect_compressed: expected }
    t.same(await caller.call('UnaryCall', [{ message: squeezed, isCompressed: false }]), invalid)
    t.same(await caller.call('UnaryCall', [{ message: squeezed, isCompressed: true }]), answered)
    t.same(await caller.call('UnaryCall', [{ message: plain, isCompressed: false }]), answered)
  },
  async server_compressed_unary(t, caller) {
    for (const isCompressed of [true, false]) {
      const message = { ...large, response_compressed: { value: isCompressed } }
      const received = [{ size: 314_159, isCompressed }]
      t.same(await caller.call('UnaryCall', [{ message, isCompressed: false }]), { code: status.OK, received })
    }
  },
  async client_compressed_streaming(t, caller) {
    const squeezed = { payload: zeros(27_182), expect_compressed: expected }
    const plain = { payload: zeros(45_904), expect_compressed: unexpected }
    t.same(await caller.call('StreamingInputCall', [{ message: squeezed, isCompressed: false }]), invalid)
    const both = [
      { message: squeezed, isCompressed: true },
      { message: plain, isCompressed: false },
    ]
    t.same(await caller.call('StreamingInputCall', both), { code: status.OK, received: [{ size: 73_086, isCompressed: false }] })
  },
  async server_compressed_streaming(t, caller) {
    const asked = [
      { size: 31_415, compressed: expected },
      { size: 92_653, compressed: unexpected },
    ]
    const received = asked.map(({ size, compressed }) => ({ size, isCompressed: compressed.value }))
    const message = { response_parameters: asked }
    t.same(await caller.call('StreamingOutputCall', [{ message, isCompressed: false }]), { code: status.OK, received })
  },
}
