import type { Problem } from '../base/errors.ts'
import type { Plan } from '../config/plan.ts'

/** What a reload changes, in words: `routes: +v1/user, -v2/chat, ~v3/x`. Names only: a value may be a secret. */
export function changedParts(before: Plan, after: Plan): readonly string[] {
  const lists = [
    named('routes', before.routes, after.routes, (route) => route.name),
    named('upstreams', before.upstreams, after.upstreams, (upstream) => upstream.name),
    named('listen', before.listeners, after.listeners, ({ host, port }) => `${host}:${port}`),
  ]
  const parts = plainParts.filter((part) => !same(before[part], after[part]))
  return [...lists.flat(), ...parts]
}

/** What cannot change while relay runs, said for each part that would. */
export function fixedProblems(before: Plan, after: Plan): readonly Problem[] {
  return (['workers', 'accept'] as const)
    .filter((part) => before[part] !== after[part])
    .map((part) => ({
      path: part,
      message: `cannot change while relay runs (${before[part]} to ${after[part]})`,
      remedy: 'stop relay and start it again',
    }))
}

/** Whether two pieces of plain data say the same. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

const plainParts = ['admin', 'trustedProxies', 'bounds', 'timeouts', 'drain', 'log', 'guard'] as const

function named<Item>(part: string, before: readonly Item[], after: readonly Item[], name: (item: Item) => string): readonly string[] {
  const old = new Map(before.map((item) => [name(item), item]))
  const now = new Map(after.map((item) => [name(item), item]))
  const added = [...now.keys()].filter((key) => !old.has(key)).map((key) => `+${key}`)
  const removed = [...old.keys()].filter((key) => !now.has(key)).map((key) => `-${key}`)
  const edited = [...now.keys()].filter((key) => old.has(key) && !same(old.get(key), now.get(key))).map((key) => `~${key}`)
  const all = [...added, ...removed, ...edited]
  return all.length === 0 ? [] : [`${part}: ${all.join(', ')}`]
}
