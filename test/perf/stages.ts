import { helper } from './helper.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

/** What the stages cost a call, and what a look-up costs with few and with many routes. */
export async function stages(world: World): Promise<readonly Finding[]> {
  const samples = new Samples(world.report)
  const bench = helper('stages-bench.ts', world.cores.proxy)
  const names = await bench.ask<readonly string[]>('names')
  // Code that has just been compiled is not what runs in a relay.
  await bench.ask('run')
  for (let round = 1; round <= world.options.rounds; round++) {
    const run = await bench.ask<Readonly<Record<string, number>>>('run')
    for (const name of names) samples.add({ section: 'stages', shape: '', name, round, values: { us: run[name] ?? NaN } })
  }
  await bench.process.stop()
  return [onion(samples), lookUps(samples)]
}

function onion(samples: Samples): Finding {
  const us = (name: string): number => samples.value('', name, 'us')
  const row = (name: string): readonly string[] => {
    const added = samples.difference('', [name, 'no stage'], 'us')
    return [name, shown(us(name), 2), shown(added, 2), name === '12 stages' ? goal('≤ 2 µs', added, added <= 2) : '']
  }
  return {
    title: 'Stages around a fake send',
    columns: ['composed', 'µs a call', 'added', 'gate'],
    rows: ['no stage', '12 empty stages', '12 stages', '12 stages, usage read'].map(row),
    notes: [
      '12 stages: all that the recipe has, and the header rules and the body limit twice. Usage read: the answer is JSON of 0.4 KB, and the meter reads it.',
    ],
  }
}

function lookUps(samples: Samples): Finding {
  const row = (name: string): readonly string[] => {
    const ratio = samples.ratio('', [name, '10 routes'], 'us')
    const judged = name === '10,000 routes' ? goal('≤ 1.05 × 10 routes', ratio, ratio <= 1.05) : ''
    return [name, shown(samples.value('', name, 'us') * 1000, 0), shown(ratio, 2), judged]
  }
  return {
    title: 'Look-up of a route',
    columns: ['router', 'ns a look-up', '× 10 routes', 'gate'],
    rows: ['10 routes', '10,000 routes', '10,000 routes, each asked for'].map(row),
    notes: ['The first two are asked for the same ten paths. The last has the cost of memory that no cache holds.'],
  }
}
