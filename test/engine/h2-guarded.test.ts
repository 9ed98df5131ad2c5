import { once } from 'node:events'
import { connect, sensitiveHeaders } from 'node:http2'
import t from 'tap'
import { HpackDecoder } from '../../src/protocol/hpack/decoder.ts'
import { FieldFlag, FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { FrameType, block, endHeaders, endStream, frame, type Frame } from '../helpers/h2-frames.ts'
import { frameOrigin } from './h2-peer.ts'
import { bench } from './helpers.ts'

/** Names of the fields of a frame that nobody may index. */
function guarded(hpack: HpackDecoder, { payload }: Frame): string[] {
  const lines = new FieldLines()
  hpack.decode(payload, 0, payload.length, lines)
  const fields = Array.from({ length: lines.count }, (_, k) => k).filter((k) => (lines.flagsOf(k) & FieldFlag.neverIndexed) !== 0)
  return fields.map((k) => lines.bytes.toString('latin1', lines.nameStart(k), lines.nameEnd(k)))
}

t.test('a field that came as one that nobody may index goes on as such, both ways, however often it comes', async (t) => {
  const origin = await frameOrigin(t)
  const { world } = await bench(t, { port: origin.port, pool: { http: 2 } })
  const session = connect(`http://127.0.0.1:${world.port}`)
  session.on('error', () => {})
  t.teardown(async () => session.destroy())
  const hpack = new HpackDecoder({ listSize: 65_536, fields: 100 })

  for (let k = 0; k < 4; k++) {
    const request = session.request({ ':path': '/', 'x-own': 'secret', 'x-plain': 'a', [sensitiveHeaders]: k === 3 ? [] : ['x-own'] })
    const peer = await origin.opened()
    const asked = await peer.frame(FrameType.headers, k)
    // A literal never indexed, with a name of its own.
    const secret = Buffer.concat([Buffer.from([0x10, 5]), Buffer.from('x-own'), Buffer.from([6]), Buffer.from('secret')])
    peer.send(frame(FrameType.headers, endHeaders | endStream, asked.stream, Buffer.concat([block([':status', '200']), secret])))
    const [headers] = (await once(request, 'response')) as [Record<string | symbol, unknown>]

    t.equal(guarded(hpack, asked).includes('x-own'), k < 3, `request ${k}`)
    t.same(headers['x-own'], 'secret')
    t.same(headers[sensitiveHeaders], ['x-own'])
    request.close()
  }
})
