import { helper } from './helper.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

/** What limits cost a call where their buckets are in shared memory. */
export async function limits(world: World): Promise<readonly Finding[]> {
  const samples = new Samples(world.report)
  const bench = helper('limits-bench.ts', world.cores.proxy)
  const names = await bench.ask<readonly string[]>('names')
  // Code that has just been compiled is not what runs in a relay.
  await bench.ask('run')
  for (let round = 1; round <= world.options.rounds; round++) {
    const run = await bench.ask<Readonly<Record<string, number>>>('run')
    for (const name of names) samples.add({ section: 'limits', shape: '', name, round, values: { us: run[name] ?? NaN } })
  }
  await bench.process.stop()
  return [inMemory(samples, names)]
}

function inMemory(samples: Samples, names: readonly string[]): Finding {
  const row = (name: string): readonly string[] => {
    const count = Number.parseInt(name, 10)
    const us = samples.value('', name, 'us')
    if (Number.isNaN(count)) return [name, shown(us, 2), '', '']
    const each = samples.difference('', [name, 'no limit'], 'us') / count
    return [name, shown(us, 2), shown(each, 2), goal('≤ 1 µs', each, each <= 1)]
  }
  return {
    title: 'Limits in memory: set, take and settle',
    columns: ['limits of a call', 'µs a call', 'a limit', 'gate'],
    rows: names.map(row),
    notes: ['Nothing is refused, and no other thread runs. Memory with eight columns. A limit: what it adds to a call without any.'],
  }
}
