import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Stage } from '../../src/engine/call.ts'
import { engineWorld } from '../helpers/engine-world.ts'

/** Answers before it asks: the head is relay's own, and the body is the origin's when it comes. */
const early: Stage = async (call, next) => {
  const body = new Body(-1, null)
  const ask = async (): Promise<void> => {
    await turn()
    const { body: found } = await next(call)
    found.pipe({
      push: (bytes, isOwned) => body.push(bytes, isOwned),
      finish: (trailers) => body.finish(trailers),
      fail: (end, error) => body.fail(end, error),
    })
  }
  void ask()
  return new Reply(200, null, body)
}

t.test('a call whose reply has begun before it is sent goes out whole', async (t) => {
  const world = await engineWorld(t, { stages: [early] })
  world.origin.answer = (_call, connection) => void connection.send('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')
  const client = await world.connect()

  await client.send('GET /late?x=1 HTTP/1.1\r\nhost: a\r\nx-one: 1\r\n\r\n')
  const [reply] = await client.answers(1, ['GET'])

  t.equal(reply?.body, 'hello')
  t.equal(world.origin.calls[0]?.line.join(' '), 'GET /late?x=1 HTTP/1.1')
  t.ok(world.origin.calls[0]?.fields.some(([name, value]) => name === 'x-one' && value === '1'))
})
