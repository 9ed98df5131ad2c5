import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { fleet } from './fleet.ts'
import { answer, origin } from './origin.ts'

const streams = 200
const reloads = 50

for (const accept of ['handover', 'reusePort']) {
  t.test(`${streams} open streams live through ${reloads} reloads that each change their own upstream (${accept})`, async (t) => {
    const { upstream, open, step, finish } = await fleet(t)
    const other = await origin(t, ({ socket }) => void socket.write(answer(200, '{}')))
    // The upstream that the streams hang on changes each time: its address, its pool, its timeouts, its credential.
    const config = (round: number): object => ({
      accept,
      upstreams: {
        claude: {
          url: round % 2 === 0 ? upstream.url : other.url,
          kind: 'claude',
          pool: { connections: 1_000 + round },
          timeouts: { idle: `${10 + round}s` },
          ...(round % 3 === 0 ? {} : { credential: { env: 'KEY' } }),
        },
      },
      routes: { '/': 'claude', [`round/${round}`]: 'claude' },
    })
    const relay = await relayProcess(t, config(0), { env: { KEY: 'sk-own' } })
    const ships = await open(relay.port, streams)

    for (let round = 1; round <= reloads; round++) {
      const outcome = await relay.reload(config(round))
      if (!['applied', 'unchanged'].includes(outcome.is)) t.match(outcome, { is: 'applied' }, `round ${round}`)
      step()
    }
    t.equal(await relay.metric('relay_open_streams'), streams)
    t.equal(upstream.open(), streams)
    finish()
    const replies = await Promise.all(ships.map(({ call }) => call.reply))

    t.equal(replies.filter(({ end }) => end === 'whole').length, streams, 'none was cut')
    t.equal(ships.filter(({ expected }, at) => !replies[at]!.body.equals(expected)).length, 0, 'every byte is right')
    t.ok((await relay.metric('relay_config_version')) > reloads)
    for (const { call } of ships) call.socket.destroy()
    await relay.logged(() => relay.log().split('"msg":"call"').length > streams)
    t.equal(await relay.metric('relay_open_streams'), 0)
  })
}

t.test('a config that is wrong changes nothing for streams and new calls', async (t) => {
  const { open, upstream, finish } = await fleet(t)
  const relay = await relayProcess(t, { upstreams: { claude: { url: upstream.url, kind: 'claude' } }, routes: { '/': 'claude' } })
  const ships = await open(relay.port, 10)

  const outcome = await relay.reload({ routes: { '/': 'nobody' } })

  t.match(outcome, { is: 'rejected', version: 1 })
  const more = await open(relay.port, 3)
  finish()
  for (const { call, expected } of [...ships, ...more]) t.strictSame((await call.reply).body, expected)
})
