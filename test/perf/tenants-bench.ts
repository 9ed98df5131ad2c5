import type { Tenant } from '../../src/base/tenant.ts'
import { directoryWriter } from '../../src/auth/directory.ts'
import { digestOf, newKey } from '../../src/auth/keys.ts'
import { type WorkerTenants, workerTenants } from '../../src/auth/worker-tenants.ts'
import { median } from './numbers.ts'
import { serve } from './serve.ts'

// Times what a worker does to find whose key it was given: no socket, no control.

// Slices that are short beside what a scheduler gives: what others take of the core falls on few of them.
const slices = 60
const calls = 5_000

interface Case {
  readonly tenants: WorkerTenants
  /** The keys that call, in turn. */
  readonly keys: readonly string[]
}

/** So many tenants with two keys each; the first of some of them call. */
function filled(count: number, callers: number): Case {
  const writer = directoryWriter({ moved: () => undefined, capacity: 2 ** 20 })
  const keys: string[] = []
  for (let id = 0; id < count; id++) {
    const key = newKey()
    if (id % Math.floor(count / callers) === 0) keys.push(key)
    writer.setKeys(id, [digestOf(key), digestOf(`second of ${key}`)])
  }
  const rest = { business: 'b', priority: 5, routes: null, models: null, limits: [], slot: 0, businessSlot: 0 }
  const ask = async (id: number): Promise<Tenant> => ({ id, generation: writer.generation(id), name: `t${id}`, ...rest })
  return { tenants: workerTenants({ memory: writer.memory, ask }), keys }
}

const many = filled(100_000, 2000)
const cases: Readonly<Record<string, Case>> = {
  '10 tenants': filled(10, 10),
  '100,000 tenants, 10 of them call': { ...many, keys: many.keys.slice(0, 10) },
  '100,000 tenants, 2,000 of them call': many,
  'a key that nobody has': { ...many, keys: Array.from({ length: 10 }, () => newKey()) },
}

async function timeCalls({ tenants, keys }: Case): Promise<number> {
  for (const key of keys) await tenants.find(key)
  return median(Array.from({ length: slices }, () => timeSlice(tenants, keys)))
}

function timeSlice(tenants: WorkerTenants, keys: readonly string[]): number {
  let asked = 0
  const startedAt = performance.now()
  for (let k = 0; k < calls; k++) if (tenants.find(keys[k % keys.length] ?? '') instanceof Promise) asked++
  const us = ((performance.now() - startedAt) * 1000) / calls
  if (asked > 0) throw new Error(`control was asked ${asked} times`)
  return us
}

serve({
  names: () => Object.keys(cases),
  run: async () => {
    const us: Record<string, number> = {}
    for (const [name, one] of Object.entries(cases)) us[name] = await timeCalls(one)
    return us
  },
})
