import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { origin } from './origin.ts'
import { messageCall, rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

t.test('a coded reply that has just been delivered when relay is told to stop is in the bill, with what it used', async (t) => {
  const usage = { input_tokens: 10, output_tokens: 20 }
  // Small on the line, and long to read.
  const text = JSON.stringify({ type: 'message', model: 'claude-opus-5-5', content: [{ type: 'text', text: 'x'.repeat(30e6) }], usage })
  const coded = gzipSync(text)
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${coded.length}\r\n\r\n`
  const upstream = await origin(t, ({ socket }) => void socket.write(Buffer.concat([Buffer.from(head), coded])))
  const config = {
    upstreams: { claude: { url: upstream.url, kind: 'claude', credential: { env: 'SHARED_KEY' } } },
    routes: { '/': 'claude' },
    tenants: tenantsWith(['a'], { requests: '10/s' }),
    shed: false,
  }
  const relay = await relayProcess(t, config, { env: { SHARED_KEY: 'sk-ant-shared' } })
  const caller = connect(relay.port, '127.0.0.1')
  let got = 0
  caller.on('data', (bytes) => (got += bytes.length))
  await once(caller, 'connect')

  caller.write(messageCall('a'))
  await until(() => got > coded.length)
  caller.destroy()
  relay.child.kill('SIGTERM')
  await relay.ended()

  t.match(rowsOf(relay, 'a'), [{ end: 'done', source: 'exact', input: 10, output: 20 }])
})
