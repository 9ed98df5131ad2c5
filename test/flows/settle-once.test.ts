import t from 'tap'
import type { RawCall } from './caller.ts'
import { chunk, lastChunk } from './origin.ts'
import { events, exact, knownAfter, moments, sentOnly, settleWorld, upTo } from './settle-world.ts'
import { until } from './until.ts'

const { relay, settles } = await settleWorld(t)

const ways = {
  'closes its connection': ({ socket }: RawCall) => void socket.destroy(),
  'resets its connection': ({ socket }: RawCall) => void socket.resetAndDestroy(),
}

for (const [way, leave] of Object.entries(ways)) {
  settles(`a caller that ${way} before the head pays for what it sent`, { ...sentOnly, end: 'cancelled' }, '', async (scene) => {
    await scene.coming
    leave(scene.call)
  })

  for (const [passed, name] of moments.entries()) {
    const figures = passed === 0 ? sentOnly : knownAfter(passed)
    settles(`a caller that ${way} after ${name} pays for what is known by then`, { ...figures, end: 'cancelled' }, '', async (scene) => {
      await upTo(passed, scene)
      leave(scene.call)
    })

    settles(
      `a caller that ${way} after ${name} pays for all of it where the route drains`,
      { ...exact, end: 'cancelled' },
      '/drained',
      async (scene) => {
        const { socket } = await upTo(passed, scene)
        leave(scene.call)
        await until(async () => (await relay.metric('relay_open_connections')) === 0)
        socket.write(Buffer.concat([...events.slice(passed).map(chunk), Buffer.from(lastChunk)]))
      },
    )
  }
}

settles('a caller that leaves after the end pays for all of it, once', { ...exact, end: 'done' }, '', async (scene) => {
  const { socket } = await upTo(events.length, scene)
  socket.write(lastChunk)
  await scene.call.reply
  scene.call.socket.resetAndDestroy()
})
