import t from 'tap'
import { matchesPattern } from '../../src/base/pattern.ts'
import { appliesTo, bucketKey, bucketTag, keyOfPeriod, keyParts } from '../../src/limits/bucket.ts'
import type { Subject } from '../../src/limits/limiter.ts'
import { budget, caller, rate } from './world.ts'

const wall = Date.UTC(2026, 10, 23, 10)

t.test('a key names its limit and its scopes, always in the same order', async (t) => {
  const limit = rate({ per: ['model', 'route', 'tenant'] })

  t.equal(bucketKey(limit, caller, wall), 'requests|tenant=search|route=v1/messages|model=claude-opus-5')
  t.equal(bucketKey(rate({ per: [] }), caller, wall), 'requests')
  t.equal(bucketKey(rate({ per: ['business'] }), caller, wall), 'requests|business=shop')
})

t.test("a budget's key ends with the first day of its period, in its own time zone", async (t) => {
  const limit = budget(1, { period: 'week', timeZone: 'Pacific/Auckland' })

  const key = bucketKey(limit, caller, Date.UTC(2026, 10, 22, 12))

  t.equal(key, 'budget-day|tenant=search|2026-11-23')
  t.equal(keyOfPeriod(limit, key, Date.UTC(2026, 10, 30)), 'budget-day|tenant=search|2026-11-30')
})

t.test('the tag is that of the tenant, else of its business, else the same for all', async (t) => {
  t.equal(bucketTag(rate({ per: ['business', 'tenant'] }), caller), 'tenant=search')
  t.equal(bucketTag(rate({ per: ['business', 'model'] }), caller), 'business=shop')
  t.equal(bucketTag(rate({ per: ['model'] }), caller), 'all')
})

t.test('what parts a key cannot be smuggled in by a name, and a key can be taken apart again', async (t) => {
  const odd: Subject = { tenant: { name: 'a', business: 'x|model=y' }, route: '{a}|b=%7C', model: 'm=1' }
  const limit = budget(1, { name: 'odd|name', per: ['tenant', 'business', 'route', 'model'] })

  const key = bucketKey(limit, odd, wall)

  t.notMatch(key, /[{}]/)
  t.strictSame(keyParts(key), {
    name: 'odd|name',
    scopes: { tenant: 'a', business: 'x|model=y', route: '{a}|b=%7C', model: 'm=1' },
    day: '2026-11-23',
  })
  t.strictSame(keyParts('requests'), { name: 'requests', scopes: {}, day: null })
  t.strictSame(keyParts('requests|tenant=a'), { name: 'requests', scopes: { tenant: 'a' }, day: null })
})

t.test('calls without a tenant or a model share a bucket', async (t) => {
  const nobody: Subject = { tenant: null, route: 'v1/models', model: null }

  t.equal(bucketKey(rate({ per: ['tenant', 'model'] }), nobody, wall), 'requests|tenant=-|model=-')
})

t.test('a limit holds for the routes and models that it names', async (t) => {
  const none: Subject = { ...caller, model: null }

  t.ok(appliesTo(rate(), caller))
  t.ok(appliesTo(rate({ routes: ['v1/messages'] }), caller))
  t.notOk(appliesTo(rate({ routes: ['v1/models'] }), caller))
  t.ok(appliesTo(rate({ models: ['claude-haiku-*', 'claude-opus-*'] }), caller))
  t.notOk(appliesTo(rate({ models: ['claude-haiku-*'] }), caller))
  t.notOk(appliesTo(rate({ models: ['*'] }), none), 'a call without a model is not of any')
  t.ok(appliesTo(rate(), none))
})

t.test('a star stands for any text, also for none', async (t) => {
  const fits: readonly (readonly [string, string])[] = [
    ['a*c', 'abc'],
    ['a*c', 'ac'],
    ['*', ''],
    ['*-5', 'claude-opus-5'],
    ['claude-*-*', 'claude-opus-5'],
    ['a*b*c', 'aXbYbZc'],
    ['a', 'a'],
  ]
  const differs: readonly (readonly [string, string])[] = [
    ['a', 'ab'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'acb'],
    ['a.c', 'abc'],
    ['', 'a'],
  ]

  for (const [pattern, text] of fits) t.ok(matchesPattern(pattern, text), `${pattern} ${text}`)
  for (const [pattern, text] of differs) t.notOk(matchesPattern(pattern, text), `${pattern} ${text}`)
})

t.test('a pattern full of stars takes no longer than its text is long', async (t) => {
  const before = performance.now()

  t.notOk(matchesPattern(`${'a*'.repeat(5000)}b`, 'a'.repeat(100_000)))

  t.ok(performance.now() - before < 2000)
})
