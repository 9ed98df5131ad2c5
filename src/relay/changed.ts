import { createHash } from 'node:crypto'
import type { Problem } from '../base/errors.ts'
import type { Plan } from '../config/plan.ts'

/** What a reload changes, in words: `routes: +v1/user, -v2/chat, ~v3/x`. Names only: a value may be a secret. */
export function changedParts(before: Plan, after: Plan): readonly string[] {
  const lists = [
    named('routes', before.routes, after.routes, (route) => route.name),
    named('upstreams', before.upstreams, after.upstreams, (upstream) => upstream.name),
    named('listen', before.listeners, after.listeners, ({ host, port }) => `${host}:${port}`),
    named('tenants', before.tenancy?.tenants ?? [], after.tenancy?.tenants ?? [], (tenant) => tenant.name),
    named('tiers', before.tenancy?.tiers ?? [], after.tenancy?.tiers ?? [], (tier) => tier.name),
    named('limits', before.limits, after.limits, (limit) => limit.name),
    named('prices', Object.entries(before.prices), Object.entries(after.prices), ([model]) => model),
  ]
  const parts = plainParts.filter((part) => !same(before[part], after[part]))
  return [...lists.flat(), ...parts]
}

/** What cannot change while relay runs, said for each part that would. */
export function fixedProblems(before: Plan, after: Plan): readonly Problem[] {
  return fixedParts.flatMap(({ path, of, shows }) => {
    const [old, now] = [of(before), of(after)]
    if (old === now) return []
    const remedy =
      path === 'ledger' && old === null ? `${restart}, or write ledger: false (tenants and budgets bring one by themselves)` : restart
    return [{ path, message: `cannot change while relay runs${shows ? ` (${shown(old)} to ${shown(now)})` : ''}`, remedy }]
  })
}

const restart = 'stop relay and start it again'

interface FixedPart {
  readonly path: string
  readonly of: (plan: Plan) => string | number | null
  /** Whether its values are told: a secret may stand in one. */
  readonly shows: boolean
}

// Buckets, tenants and the ledger are opened once: what stands in them would be lost or counted twice by another in their place.
const fixedParts: readonly FixedPart[] = [
  { path: 'workers', of: (plan) => plan.workers, shows: true },
  { path: 'accept', of: (plan) => plan.accept, shows: true },
  { path: 'redis', of: (plan) => JSON.stringify(plan.redis), shows: false },
  { path: 'limitDefaults.store', of: (plan) => plan.limitStore, shows: true },
  {
    path: 'tenantsFrom',
    of: ({ tenancy }) => (tenancy?.from?.is === 'sqlite' ? tenancy.from.file : (tenancy?.from?.is ?? null)),
    shows: true,
  },
  { path: 'ledger', of: ({ ledger }) => ledger?.file ?? null, shows: true },
]

function shown(value: string | number | null): string {
  return value === null ? 'none' : String(value)
}

/** Whether two pieces of plain data say the same. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one, withDigests) === JSON.stringify(other, withDigests)
}

const digests = new WeakMap<Uint8Array, string>()

/** Descriptor sets stand in many routes, and number by number they would be a long text each time. */
function withDigests(_: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value
  const digest = digests.get(value) ?? createHash('sha256').update(value).digest('base64')
  digests.set(value, digest)
  return digest
}

const plainParts = [
  'admin',
  'trustedProxies',
  'bounds',
  'timeouts',
  'drain',
  'log',
  'guard',
  'nodes',
  'estimate',
  'shed',
  'ledger',
] as const

function named<Item>(part: string, before: readonly Item[], after: readonly Item[], name: (item: Item) => string): readonly string[] {
  const old = new Map(before.map((item) => [name(item), item]))
  const now = new Map(after.map((item) => [name(item), item]))
  const added = [...now.keys()].filter((key) => !old.has(key)).map((key) => `+${key}`)
  const removed = [...old.keys()].filter((key) => !now.has(key)).map((key) => `-${key}`)
  const edited = [...now.keys()].filter((key) => old.has(key) && !same(old.get(key), now.get(key))).map((key) => `~${key}`)
  const all = [...added, ...removed, ...edited]
  return all.length === 0 ? [] : [`${part}: ${all.join(', ')}`]
}
