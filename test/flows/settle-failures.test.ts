import { gzipSync } from 'node:zlib'
import t from 'tap'
import { answer, chunk, lastChunk, streamHead, type OriginCall } from './origin.ts'
import { events, exact, knownAfter, moments, nothing, requestOnly, settleWorld, told, upTo } from './settle-world.ts'

const { settles } = await settleWorld(t)

const endings = {
  'closes the connection': ['upstream_failed', ({ socket }: OriginCall) => void socket.end()],
  'resets the connection': ['upstream_failed', ({ socket }: OriginCall) => void socket.resetAndDestroy()],
} as const

for (const [ending, [end, stop]] of Object.entries(endings)) {
  settles(`an upstream that ${ending} before its head costs nothing`, { ...nothing, end: 'failed' }, '', async (scene) => {
    stop(await scene.coming)
  })

  for (const [passed, name] of moments.entries()) {
    const figures = passed === 0 ? nothing : knownAfter(passed)
    settles(`an upstream that ${ending} after ${name} costs what is known by then`, { ...figures, end }, '', async (scene) => {
      stop(await upTo(passed, scene))
      await scene.call.reply.catch(() => undefined)
    })
  }
}

settles('an upstream that says nothing in time costs nothing', { ...nothing, end: 'timed_out' }, '/hasty', async ({ call }) => {
  t.equal((await call.head).status, 504)
})

for (const [passed, name] of moments.entries()) {
  const figures = passed === 0 ? nothing : knownAfter(passed)
  settles(
    `an upstream that falls silent after ${name} costs what is known by then`,
    { ...figures, end: 'timed_out' },
    '/hasty',
    async (scene) => {
      await upTo(passed, scene)
      await scene.call.reply.catch(() => undefined)
    },
  )
}

settles('an upstream that is not there costs nothing', { ...nothing, end: 'failed' }, '/gone', async ({ call }) => {
  t.equal((await call.head).status, 502)
})

for (const status of [429, 500, 503, 529])
  settles(`a ${status} of the upstream costs nothing`, { ...nothing, end: 'done' }, '', async ({ call, coming }) => {
    const { socket } = await coming
    socket.write(answer(status, '{"type":"error","error":{"type":"overloaded_error","message":"no"}}'))
    t.equal((await call.head).status, status)
  })

for (const status of [400, 404, 413])
  settles(
    `a ${status} of the upstream counts as a request, and costs nothing`,
    { ...requestOnly, end: 'done' },
    '',
    async ({ call, coming }) => {
      const { socket } = await coming
      socket.write(answer(status, '{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'))
      t.equal((await call.head).status, status)
    },
  )

settles('a message without a stream costs what it says', { ...exact, end: 'done' }, '', async ({ call, coming }) => {
  const { socket } = await coming
  socket.write(
    answer(200, JSON.stringify({ type: 'message', model: 'claude-opus-5-5', content: [], usage: { ...told, output_tokens: 7_000 } })),
  )
  await call.reply
})

settles('a coded stream costs what it says', { ...exact, end: 'done' }, '/passed', async ({ call, coming }) => {
  const { socket } = await coming
  const head = streamHead.replace('transfer', 'content-encoding: gzip\r\ntransfer')
  socket.write(Buffer.concat([Buffer.from(head), chunk(gzipSync(Buffer.concat(events))), Buffer.from(lastChunk)]))
  await call.reply
})
