import t from 'tap'
import { logger } from '../../src/base/log.ts'
import { reflections, type Reflections } from '../../src/relay/reflection.ts'
import { planOf } from '../config/helpers.ts'
import { reflectingServer } from '../descriptors/grpc-server.ts'

const thing = (fields: string): string => `syntax = "proto3";
package things.v1;
message Thing { ${fields} }
service Things { rpc Get (Thing) returns (Thing); }
`

/** Follows the server at a port, from a plan on. */
async function following(t: { teardown(end: () => unknown): unknown }, port: number): Promise<Reflections> {
  const followed = reflections({ log: logger({ level: 'silent' }), waitMs: 5000 })
  t.teardown(() => followed.close())
  const plan = planOf(`routes: { things.v1.Things: { grpc: '127.0.0.1:${port}', reflect: true } }`)
  await followed.prepare(plan)
  followed.filled(plan)
  return followed
}

t.test(
  'a server that was asked again and again, since relay was reloaded so often, is asked soon when it comes back changed',
  async (t) => {
    // given
    const before = await reflectingServer(t, { proto: thing('string name = 1;') })
    const followed = await following(t, before.port)
    for (let times = 2; times < 9; times++) {
      followed.again()
      await before.left(times)
    }

    // when
    before.stop()
    const changed = new Promise<void>((resolve) => followed.onChange(resolve))
    const began = performance.now()
    await reflectingServer(t, { proto: thing('string name = 1; int32 size = 2;'), port: before.port })
    await changed

    // then
    t.ok(performance.now() - began < 15_000, 'and not after half a minute')
  },
)
