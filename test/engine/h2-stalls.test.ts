import t from 'tap'
import { Reply, type Stage } from '../../src/engine/call.ts'
import { Body } from '../../src/engine/body.ts'
import { engineWorld } from '../helpers/engine-world.ts'
import { endHeaders, headers, windowUpdate } from '../helpers/h2-frames.ts'
import { rawH2, request } from '../helpers/raw-h2.ts'

const piece = Buffer.alloc(16_384, 120)

/** Answers every call with bytes without end, as long as somebody takes them; counts those that relay has taken. */
function endlessReplies(taken: Map<string, number>): Stage {
  return async (call) => {
    let isPaused = true
    const flow = (): void => {
      isPaused = false
      const push = (): void => {
        if (isPaused || body.end !== null) return
        taken.set(call.id, (taken.get(call.id) ?? 0) + piece.length)
        isPaused = !body.push(piece, false)
        setImmediate(push)
      }
      setImmediate(push)
    }
    const body: Body = new Body(-1, { pause: () => (isPaused = true), resume: () => isPaused && flow(), ended: () => (isPaused = true) })
    flow()
    return new Reply(200, null, body)
  }
}

t.test(
  '100 streams whose caller never gives them room take little, and end when nothing has moved for as long as a write may take',
  async (t) => {
    const taken = new Map<string, number>()
    const world = await engineWorld(t, { stages: [endlessReplies(taken)], limits: { writeMs: 400 } })
    const client = await rawH2(world.port, [4, 0])

    await client.send(...Array.from({ length: 100 }, (_, k) => headers(2 * k + 1, request('GET', '/a'))))
    await client.until(() => client.sections().size === 100)
    t.equal(taken.size, 100)
    const most = Math.max(...taken.values())
    await Promise.all(Array.from({ length: 100 }, async (_, k) => client.over(2 * k + 1)))

    // What a body holds before there is a sink, and what a stream keeps of one chunk.
    t.ok(most <= 8 * piece.length, `${most} bytes of one reply`)
    t.same(
      [...taken.values()].filter((bytes) => bytes > 8 * piece.length),
      [],
    )
    t.equal(world.underWay.size, 0)
    t.same(world.bugs, [])
    client.destroy()
  },
)

t.test('a caller that gives a byte of room now and then is not cut, one that stops is', async (t) => {
  const taken = new Map<string, number>()
  const world = await engineWorld(t, { stages: [endlessReplies(taken)], limits: { writeMs: 800 } })
  const client = await rawH2(world.port, [4, 0])
  await client.send(headers(1, request('GET', '/a'), endHeaders | 1))
  await client.until(() => client.sections().size === 1)

  for (let k = 1; k <= 12; k++) {
    await client.send(windowUpdate(1, 1))
    await client.until(() => client.body(1).length === k)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.equal(client.isEnded, false)
  t.equal(world.underWay.size, 1)
  await client.over(1)

  t.equal(world.underWay.size, 0)
  client.destroy()
})
