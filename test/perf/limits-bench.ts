import type { Limit } from '../../src/base/limit.ts'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import { processClock } from '../../src/limits/clock.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import { limitSets } from '../../src/limits/sets.ts'
import type { Subject } from '../../src/limits/limiter.ts'
import { serve } from './serve.ts'

// Times what limits in memory cost a call: its set is found, its buckets are taken from, and settled with less than was reserved.

const calls = 200_000
const base = { per: ['tenant'], routes: null, models: null, exact: false, away: 'local', dryRun: false } as const
const wide = { ...base, count: 1e9, periodMs: 1000, burst: 1e9 } as const

/** So wide that none of them ever refuses. */
const five: readonly Limit[] = [
  { ...wide, name: 'requests', kind: 'requests' },
  { ...wide, name: 'input-tokens', kind: 'input_tokens' },
  { ...wide, name: 'output-tokens', kind: 'output_tokens' },
  { ...base, name: 'concurrency', kind: 'concurrency', most: 1000 },
  { ...base, name: 'budget-day', kind: 'budget', nanoUsd: 1e15, period: 'day', timeZone: 'Europe/Berlin' },
]
const reserved = [1, 900, 4096, 1, 60_000]
const spent = [1, 800, 300, 1, 5000]
const subject: Subject = { tenant: { name: 'perf', business: 'perf' }, route: 'v1/messages', model: 'claude-opus-5' }

const clock = processClock()
// As many columns as a machine of eight cores has: concurrency and budgets read all of them.
const cells = openCells(cellsMemory({ workers: 8, slots: 64 }), 0)
const store = memoryStore(cells, { clock })
const slots = new Map<string, number>()
const sets = limitSets({
  cells,
  clock,
  askSlots: async (keys) =>
    keys.map((key) => {
      const slot = slots.get(key) ?? slots.size
      slots.set(key, slot)
      return slot
    }),
})

async function timeCalls(limits: readonly Limit[]): Promise<number> {
  await sets.bind(subject, limits)
  const startedAt = performance.now()
  for (let k = 0; k < calls; k += 1) {
    const call = `req_${k}`
    const found = sets.bind(subject, limits)
    const set = found instanceof Promise ? await found : found
    if (store.take(call, set, reserved).is !== 'taken') throw new Error('a limit refused')
    store.settle(call, set, reserved, spent)
  }
  return ((performance.now() - startedAt) * 1000) / calls
}

const cases: Readonly<Record<string, readonly Limit[]>> = {
  'no limit': [],
  '1 limit (requests)': five.slice(0, 1),
  '1 limit (concurrency)': five.slice(3, 4),
  '1 limit (budget)': five.slice(4, 5),
  '5 limits': five,
}

serve({
  names: () => Object.keys(cases),
  run: async () => {
    const us: Record<string, number> = {}
    for (const [name, limits] of Object.entries(cases)) us[name] = await timeCalls(limits)
    return us
  },
})
