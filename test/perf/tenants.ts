import { helper } from './helper.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

/** What it costs a call to be told from those of other tenants, with few tenants and with many. */
export async function tenants(world: World): Promise<readonly Finding[]> {
  const samples = new Samples(world.report)
  const bench = helper('tenants-bench.ts', world.cores.proxy)
  const names = await bench.ask<readonly string[]>('names')
  // Code that has just been compiled is not what runs in a relay.
  await bench.ask('run')
  for (let round = 1; round <= world.options.rounds; round++) {
    const run = await bench.ask<Readonly<Record<string, number>>>('run')
    for (const name of names) samples.add({ section: 'tenants', shape: '', name, round, values: { us: run[name] ?? NaN } })
  }
  await bench.process.stop()
  const row = (name: string): readonly string[] => {
    const us = samples.value('', name, 'us')
    return [name, shown(us, 2), shown(samples.ratio('', [name, '10 tenants'], 'us'), 2), goal('≤ 1 µs', us, us <= 1)]
  }
  return [
    {
      title: 'Whose key it is',
      columns: ['tenants', 'µs a call', '/ 10 tenants', 'gate'],
      rows: names.map(row),
      notes: ['SHA-256 of the key, the shared directory (two keys a tenant), the worker’s cache. Most of it is the SHA-256.'],
    },
  ]
}
