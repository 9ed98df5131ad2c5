import t from 'tap'
import { grpcBreakWorld, restBreakWorld } from './breaks-world.ts'
import { breakEverywhere } from './breaks.ts'
import { connects, grpc, jsons, onRest, webs } from './forms.ts'
import { handCaller } from './hand-caller.ts'
import { malformedBackend, malformedFrames, malformedJson, malformedReplies } from './malformed-list.ts'

for (const form of [...webs, ...connects, ...jsons.slice(0, 3)]) {
  t.test(
    `what a gRPC upstream sends that is malformed is told to a caller of ${form.name} at every message, and leaves nothing behind`,
    async (t) => {
      const world = await grpcBreakWorld(t)
      const { wrong, count } = await breakEverywhere(world, form, malformedReplies)
      t.strictSame(wrong, [])
      t.ok(count > 50, `${count} breaks`)
      t.strictSame(world.relay.bugs, [])
    },
  )
}

for (const form of [...jsons.slice(0, 3), connects[1]!, connects[3]!]) {
  t.test(
    `what a caller of ${form.name} sends that is malformed is told at every message, and its upstream never has all of it`,
    async (t) => {
      const world = await grpcBreakWorld(t)
      const { wrong, count } = await breakEverywhere(world, form, form.tells === 'frame' ? malformedFrames : malformedJson)
      t.strictSame(wrong, [])
      t.ok(count > 5, `${count} breaks`)
      t.strictSame(world.relay.bugs, [])
    },
  )
}

for (const form of onRest.slice(0, 2)) {
  t.test(`what is malformed on either side of a call of ${form.name} is told at every message, and leaves nothing behind`, async (t) => {
    const world = await restBreakWorld(t)
    const { wrong, count } = await breakEverywhere(world, form, [...malformedFrames, ...malformedBackend])
    t.strictSame(wrong, [])
    t.ok(count > 50, `${count} breaks`)
    t.strictSame(world.relay.bugs, [])
  })
}

t.test('between callers and servers of gRPC whatever is said of metadata, encodings and statuses passes as it is', async (t) => {
  const { relay, upstream } = await grpcBreakWorld(t)
  const caller = await handCaller(relay.port, '2')
  const odd = { 'x-odd-bin': '*** no base64', 'grpc-encoding': 'none', 'grpc-accept-encoding': ',,', 'x-text': 'a  b' }

  for (const status of ['17', '2147483648', '-1', 'x', '', '0 0']) {
    for (const hasHead of [true, false]) {
      const talk = await caller.begin('/echo.v1.Shop/Once', { ...grpc.fields('unary'), ...odd })
      await talk.send(Buffer.from('\x07no frame'))
      await talk.finish()
      const call = await upstream.next()
      await upstream.until(() => call.isAsked)
      t.strictSame(Object.fromEntries(Object.keys(odd).map((name) => [name, call.fields.get(name)])), odd)
      t.equal(call.text, '\x07no frame')
      if (hasHead) await call.head()
      await call.trailers(['grpc-status', status], ['grpc-message', '%zz %'], ['grpc-status-details-bin', '***'])
      await talk.over()

      const { trailers, fields, end } = talk.got()
      const told = hasHead ? trailers : fields
      t.strictSame([told.get('grpc-status'), told.get('grpc-message'), told.get('grpc-status-details-bin')], [status, '%zz %', '***'])
      t.equal(end, 'whole')
    }
  }
  t.equal(relay.left(), '')
  t.strictSame(relay.bugs, [])
  await caller.vanish()
})
