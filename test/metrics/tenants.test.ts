import t from 'tap'

import { workerColumn, type Column } from '../../src/metrics/column.ts'
import { limitKinds } from '../../src/metrics/layout.ts'
import type { RedisFacts } from '../../src/metrics/metric.ts'
import { numbers, type Numbers } from '../../src/metrics/numbers.ts'
import { metricsRegistry } from '../../src/metrics/registry.ts'

interface World {
  readonly shared: Numbers
  readonly column: Column
  /** The lines of one metric, as they are exposed. */
  readonly lines: (name: string) => Promise<string[]>
}

function world({ tenants = 257, redis }: { tenants?: number; redis?: RedisFacts } = {}): World {
  const shared = numbers({ workers: 2, tenants })
  const registry = metricsRegistry({
    numbers: shared,
    control: () => ({
      version: '1.2.3',
      configVersion: 4,
      lastReloadSuccessful: true,
      workers: 2,
      workerRestarts: 0,
      drainPhase: 'serving',
      logLinesDropped: 0,
      ...(redis === undefined ? {} : { redis }),
    }),
  })
  const lines = async (name: string) =>
    (await registry.render(undefined)).text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return { shared, column: workerColumn(shared.memory, 1), lines }
}

const tokens = { input: 1, output: 2, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5, estimated: false }

t.test('what a tenant calls, uses and costs is told under its name', async (t) => {
  const { shared, column, lines } = world()
  const [search = 0] = shared.tenantSlots.slotsOf(['search'])
  const [shop = 0] = shared.businessSlots.slotsOf(['shop'])

  column.businessCallStarted(shop)
  column.tenantCallEnded(search, shop, 200)
  column.businessCallStarted(shop)
  column.tenantCallEnded(search, shop, 0)
  column.tenantTokens(search, shop, tokens)
  column.tenantCost(search, shop, 1_500_000_000)

  t.strictSame(await lines('relay_tenant_calls_total'), [
    'relay_tenant_calls_total{tenant="search",status="other"} 1',
    'relay_tenant_calls_total{tenant="search",status="2xx"} 1',
  ])
  t.strictSame(await lines('relay_business_calls_total'), [
    'relay_business_calls_total{business="shop",status="other"} 1',
    'relay_business_calls_total{business="shop",status="2xx"} 1',
  ])
  t.strictSame(
    (await lines('relay_tenant_tokens_total')).map((line) => line.slice(-2)),
    [' 1', ' 2', ' 3', ' 4', ' 5'],
  )
  t.strictSame(await lines('relay_tenant_cost_usd_total'), ['relay_tenant_cost_usd_total{tenant="search"} 1.5'])
})

t.test('what the tenants of a business use and cost is told under its name as well', async (t) => {
  const { shared, column, lines } = world({ tenants: 3 })
  const [search = 0, mail = 0, third = 0] = ['search', 'mail', 'third'].map((name) => shared.tenantSlot(name, 'shop'))
  const [shop = 0] = shared.businessSlots.slotsOf(['shop'])

  for (const tenant of [search, mail, third]) {
    column.tenantTokens(tenant, shop, tokens)
    column.tenantCost(tenant, shop, 500_000_000)
  }
  shared.workerDied(1)
  column.tenantTokens(0, 0, tokens)

  t.strictSame(
    (await lines('relay_business_tokens_total')).filter((line) => line.includes('"shop"')),
    [
      'relay_business_tokens_total{business="shop",type="input"} 3',
      'relay_business_tokens_total{business="shop",type="output"} 6',
      'relay_business_tokens_total{business="shop",type="cache_write_5m"} 9',
      'relay_business_tokens_total{business="shop",type="cache_write_1h"} 12',
      'relay_business_tokens_total{business="shop",type="cache_read"} 15',
    ],
  )
  t.strictSame(await lines('relay_business_cost_usd_total'), ['relay_business_cost_usd_total{business="shop"} 1.5'])
  t.match(await lines('relay_tenant_cost_usd_total'), [/"other"} 0\.5$/, /"search"} 0\.5$/, /"mail"} 0\.5$/])
})

t.test('a tenant that is counted by name is told with its business, also after that has changed', async (t) => {
  const { shared, lines } = world({ tenants: 3 })

  shared.tenantSlot('search', 'shop')
  shared.tenantSlot('mail', 'office')
  shared.tenantSlot('beyond', 'shop')
  shared.tenantSlot('search', 'web')

  t.strictSame(await lines('relay_tenant_info'), [
    'relay_tenant_info{tenant="search",business="web"} 1',
    'relay_tenant_info{tenant="mail",business="office"} 1',
  ])
})

t.test('calls and streams of a business that are open go down again, and with the worker that dies', async (t) => {
  const { shared, column, lines } = world()
  const [shop = 0] = shared.businessSlots.slotsOf(['shop'])
  column.businessCallStarted(shop)
  column.businessCallStarted(shop)
  column.businessStreamOpened(shop)
  t.strictSame(await lines('relay_business_active_calls'), ['relay_business_active_calls{business="shop"} 2'])
  t.strictSame(await lines('relay_business_open_streams'), ['relay_business_open_streams{business="shop"} 1'])

  column.tenantCallEnded(1, shop, 429)
  column.businessStreamClosed(shop)
  t.strictSame(await lines('relay_business_active_calls'), ['relay_business_active_calls{business="shop"} 1'])
  shared.workerDied(1)

  t.strictSame(await lines('relay_business_active_calls'), ['relay_business_active_calls{business="shop"} 0'])
  t.strictSame(await lines('relay_business_calls_total'), ['relay_business_calls_total{business="shop",status="4xx"} 1'])
})

t.test('refusals of limits are told by tenant and by what the limit counts, those of dry runs apart', async (t) => {
  const { shared, column, lines } = world()
  shared.tenantSlots.slotsOf(['search'])

  for (const kind of limitKinds.keys()) column.limitHit(1, kind)
  column.limitDryRun(1, limitKinds.indexOf('budget'))
  column.refusedAway()
  column.shed()
  column.countFellBack()

  t.strictSame(
    await lines('relay_limit_hits_total'),
    limitKinds.map((kind) => `relay_limit_hits_total{tenant="search",kind="${kind}"} 1`),
  )
  t.strictSame(await lines('relay_limit_dry_run_total'), ['relay_limit_dry_run_total{tenant="search",kind="budget"} 1'])
  t.strictSame(await lines('relay_limit_away_refusals_total'), ['relay_limit_away_refusals_total 1'])
  t.strictSame(await lines('relay_shed_total'), ['relay_shed_total 1'])
  t.strictSame(await lines('relay_count_fallbacks_total'), ['relay_count_fallbacks_total 1'])
})

t.test('tenants beyond the cap are counted as other, however many there are', async (t) => {
  const { shared, column, lines } = world({ tenants: 3 })

  for (const slot of shared.tenantSlots.slotsOf(['a', 'b', 'c', 'd'])) column.tenantCallEnded(slot, 0, 200)

  t.strictSame(await lines('relay_tenant_calls_total'), [
    'relay_tenant_calls_total{tenant="other",status="2xx"} 2',
    'relay_tenant_calls_total{tenant="a",status="2xx"} 1',
    'relay_tenant_calls_total{tenant="b",status="2xx"} 1',
  ])
})

t.test('rows that the ledger missed survive the worker that missed them', async (t) => {
  const { shared, column, lines } = world()
  column.ledgerMissed(2, 30)
  column.ledgerMissed(3, 31)

  shared.workerDied(1)
  workerColumn(shared.memory, 1).ledgerMissed(1, 0)

  t.strictSame(await lines('relay_ledger_lost_total'), ['relay_ledger_lost_total 4'])
  t.strictSame(await lines('relay_ledger_dropped_total'), ['relay_ledger_dropped_total 31'])
})

t.test('Redis is told of only where it is used', async (t) => {
  t.strictSame(await world().lines('relay_redis_away'), [])

  const { lines, column } = world({ redis: { isAway: true, timesAway: 2, roundTrips: 70, leases: 4 } })
  column.redisRoundTrips(5)
  column.redisRoundTrips(7)

  t.strictSame(await lines('relay_redis_away'), ['relay_redis_away 1'])
  t.strictSame(await lines('relay_redis_away_total'), ['relay_redis_away_total 2'])
  t.strictSame(await lines('relay_redis_round_trips_total'), ['relay_redis_round_trips_total 77'])
  t.strictSame(await lines('relay_limit_leases_total'), ['relay_limit_leases_total 4'])
})

t.test('a queue that one worker has filled still has its share of places in the others', async (t) => {
  const { shared } = world()
  const [first, second] = [0, 1].map((worker) => workerColumn(shared.memory, worker).queue(1))
  const entered = Array.from({ length: 12 }, () => first?.enter(10)).filter((is) => is === true).length

  const others = Array.from({ length: 12 }, () => second?.enter(10)).filter((is) => is === true).length

  t.strictSame([entered, others], [10, 5])
})

t.test('the places of a queue are one number over all workers', async (t) => {
  const { shared, lines } = world()
  shared.routeSlots.slotsOf(['a'])
  const [first, second] = [0, 1].map((worker) => workerColumn(shared.memory, worker).queue(1))

  t.equal(first?.enter(2), true)
  t.equal(second?.enter(2), true)
  t.equal(second?.enter(2), false, 'full')
  t.strictSame(await lines('relay_queue_waiting'), ['relay_queue_waiting{route="a"} 2'])
  first?.leave(40)

  t.equal(second?.enter(2), true)
  t.match(await lines('relay_queue_waited_seconds_count'), ['relay_queue_waited_seconds_count{route="a"} 1'])
  shared.workerDied(1)
  t.strictSame(await lines('relay_queue_waiting'), [])
})

t.test('of two workers that wait for one bucket the better call goes first: priority, then tag, then the lower worker', async (t) => {
  const { shared } = world()
  const [first, second] = [0, 1].map((worker) => workerColumn(shared.memory, worker).queue(1))
  const head = (priority: number, tag: number, bucket = 7) => ({ priority, tag, bucket })
  const isBehind = (own: ReturnType<typeof head>, buckets = [7]) => second?.isBehind(own, buckets)

  t.equal(isBehind(head(5, 1)), false, 'nobody waits elsewhere')
  first?.publish(head(5, 2))
  first?.advance(5, 2)
  t.equal(isBehind(head(5, 1)), false)
  t.equal(isBehind(head(5, 2)), true)
  t.equal(isBehind(head(5, 3)), true)
  t.equal(isBehind(head(6, 3)), false)
  t.equal(isBehind(head(5, 3), [8, 9]), false, 'it waits for another bucket')
  t.equal(second?.clock(5), 2)
  t.equal(second?.clock(4), 0, 'each priority has its own')
  t.equal(second?.isQuietElsewhere(), false)
  first?.publish(null)
  t.equal(second?.isQuietElsewhere(), true)
  t.equal(isBehind(head(0, 9)), false)
})
