import t from 'tap'
import { reflectingServer } from '../descriptors/grpc-server.ts'
import { relayProcess } from '../helpers/relay-process.ts'

const proto = (more: string): string => `syntax = "proto3";
package things.v1;
message Thing { string name = 1; ${more} }
service Things { rpc Get (Thing) returns (Thing); }
`

const methods = { 'things.v1.Things/Get': (request: Buffer) => request }

t.test(
  'a gRPC server is asked what its methods are: relay starts before it, and learns when it comes and when it comes back changed',
  async (t) => {
    const gone = await reflectingServer(t, { proto: proto(''), methods })
    const { port } = gone
    gone.stop()
    const config = {
      routes: {
        'v1/things/{name}': { grpc: `127.0.0.1:${port}/things.v1.Things/Get` },
        'v1/old/{name}': { grpc: `127.0.0.1:${port}/things.v1.Things/Gone` },
      },
    }
    const relay = await relayProcess(t, config)
    const get = async (path: string): Promise<readonly [number, unknown]> => {
      const reply = await fetch(`${relay.url}${path}`)
      return [reply.status, await reply.json()]
    }
    const takenUp = (version: number) => relay.logged((line) => line['version'] === version && /was taken up/.test(String(line['msg'])))

    t.equal((await get('/v1/things/a'))[0], 503)

    const first = await reflectingServer(t, { proto: proto(''), methods, port })
    await takenUp(2)
    t.strictSame(await get('/v1/things/a'), [200, { name: 'a' }])
    t.match(await get('/v1/things/a?size=3'), [400, { code: 3 }])
    t.equal((await get('/v1/old/a'))[0], 503, 'a method that it does not have may yet come')

    first.stop()
    const second = await reflectingServer(t, { proto: proto('int32 size = 2;'), methods, port })
    await takenUp(3)
    t.strictSame(await get('/v1/things/a?size=3'), [200, { name: 'a', size: 3 }])

    await second.asked(1)
    t.match(await relay.reload(config), { is: 'unchanged' })
    await second.asked(2)
  },
)
