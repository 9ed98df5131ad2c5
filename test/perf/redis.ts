import { helper } from './helper.ts'
import { freePort, listening, start } from './processes.ts'
import type { RedisRun } from './redis-bench.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

/** What a limit in Redis costs a call, leased and exact, and how long it waits for it. */
export async function redis(world: World): Promise<readonly Finding[]> {
  const samples = new Samples(world.report)
  const port = await freePort()
  const command = [world.tools.redis!, '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'] as const
  const server = start({ name: 'redis-server', cores: [world.cores.load], command })
  await listening(server, port)
  const bench = helper('redis-bench.ts', world.cores.proxy)
  await bench.ask('open', port)
  const names = await bench.ask<readonly string[]>('names')
  // Code that has just been compiled is not what runs in a relay.
  for (const name of names) await bench.ask('run', name)
  for (let round = 1; round <= world.options.rounds; round++) {
    for (const name of names)
      samples.add({ section: 'redis', shape: '', name, round, values: { ...(await bench.ask<RedisRun>('run', name)) } })
  }
  await bench.process.stop()
  await server.stop()
  return [table(samples, names)]
}

function table(samples: Samples, names: readonly string[]): Finding {
  const row = (name: string): readonly string[] => {
    const value = (key: string): number => samples.value('', name, key)
    const trips = value('callsATrip')
    const gate = name === 'exact, one at a time' ? goal('p99 ≤ 1 ms', value('p99'), value('p99') <= 1) : ''
    return [
      name,
      shown(value('us'), 1),
      shown(value('p50'), 3),
      shown(value('p99'), 3),
      shown(trips, 0),
      name.includes('50 at once') ? '' : gate,
    ]
  }
  return {
    title: 'A limit in Redis: take and settle',
    columns: ['', 'CPU µs a call', 'p50 ms', 'p99 ms', 'calls a round trip', 'gate'],
    rows: names.map(row),
    notes: [
      'relay’s limiter on one core, redis-server on the other. The wait is that of a take; ends of calls are sent without waiting. A burst of 100,000.',
    ],
  }
}
