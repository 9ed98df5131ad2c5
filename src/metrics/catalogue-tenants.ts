import { limitKinds, queueWords, tokenTypes } from './layout.ts'
import { single, type Metric } from './metric.ts'
import { businessGauge, costs, histograms, isCounted, slotRows } from './rows.ts'
import { statusClasses } from './statuses.ts'

/** What is counted by tenant and business, of limits, queues and the ledger. Tenants beyond the slots there are share `other`. */
export const tenantMetrics: readonly Metric[] = [
  {
    name: 'relay_tenant_calls_total',
    type: 'counter',
    help: 'Calls that ended, by tenant and by the class of the status that the caller got.',
    labels: ['tenant', 'status'],
    read: (scrape) => slotRows(scrape, 'tenantCalls', statusClasses, ['tenant', 'status']).filter(isCounted),
  },
  {
    name: 'relay_tenant_tokens_total',
    type: 'counter',
    help: 'Tokens that calls of a tenant used, reported or estimated.',
    labels: ['tenant', 'type'],
    read: (scrape) => slotRows(scrape, 'tenantTokens', tokenTypes, ['tenant', 'type']),
  },
  {
    name: 'relay_tenant_cost_usd_total',
    type: 'counter',
    help: 'What calls of a tenant cost, by the prices of the configuration; models without a price cost nothing here.',
    labels: ['tenant'],
    read: (scrape) => costs(scrape, 'tenant'),
  },
  {
    name: 'relay_tenant_info',
    type: 'gauge',
    help: '1 for each tenant that is counted by name, with its business.',
    labels: ['tenant', 'business'],
    read: ({ numbers }) => numbers.tenantBusinesses().map((labels) => ({ labels, value: 1 })),
  },
  {
    name: 'relay_limit_hits_total',
    type: 'counter',
    help: 'Calls that a limit refused, by tenant and by what the limit counts.',
    labels: ['tenant', 'kind'],
    read: (scrape) => slotRows(scrape, 'limitHits', limitKinds, ['tenant', 'kind']).filter(isCounted),
  },
  {
    name: 'relay_limit_dry_run_total',
    type: 'counter',
    help: 'Calls that a limit would have refused, were it no dry run.',
    labels: ['tenant', 'kind'],
    read: (scrape) => slotRows(scrape, 'dryRuns', limitKinds, ['tenant', 'kind']).filter(isCounted),
  },
  {
    name: 'relay_limit_away_refusals_total',
    type: 'counter',
    help: 'Calls that were refused because the store of a limit could not be asked.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.awayRefusals] ?? 0),
  },
  {
    name: 'relay_business_calls_total',
    type: 'counter',
    help: 'Calls that ended, by business and by the class of the status that the caller got.',
    labels: ['business', 'status'],
    read: (scrape) => slotRows(scrape, 'businessCalls', statusClasses, ['business', 'status']).filter(isCounted),
  },
  {
    name: 'relay_business_tokens_total',
    type: 'counter',
    help: 'Tokens that calls of a business used, reported or estimated.',
    labels: ['business', 'type'],
    read: (scrape) => slotRows(scrape, 'businessTokens', tokenTypes, ['business', 'type']),
  },
  {
    name: 'relay_business_cost_usd_total',
    type: 'counter',
    help: 'What calls of a business cost, by the prices of the configuration; models without a price cost nothing here.',
    labels: ['business'],
    read: (scrape) => costs(scrape, 'business'),
  },
  {
    name: 'relay_business_active_calls',
    type: 'gauge',
    help: 'Calls of a business that have not ended.',
    labels: ['business'],
    read: (scrape) => businessGauge(scrape, 'calls'),
  },
  {
    name: 'relay_business_open_streams',
    type: 'gauge',
    help: 'Streamed replies to a business that are open.',
    labels: ['business'],
    read: (scrape) => businessGauge(scrape, 'streams'),
  },
  {
    name: 'relay_shed_total',
    type: 'counter',
    help: 'Calls that were refused because a worker was late or short of memory.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.shed] ?? 0),
  },
  {
    name: 'relay_count_fallbacks_total',
    type: 'counter',
    help: 'Calls whose input was guessed by its size, on routes that have their upstream count it.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.countFallbacks] ?? 0),
  },
  {
    name: 'relay_queue_waiting',
    type: 'gauge',
    help: 'Calls that wait for a limit to let them through.',
    labels: ['route'],
    read: ({ sums, numbers }) =>
      numbers.routeSlots
        .names()
        .map((route, slot) => ({ labels: { route }, value: sums[numbers.layout.queues + slot * queueWords.length] ?? 0 }))
        .filter(isCounted),
  },
  {
    name: 'relay_queue_waited_seconds',
    type: 'histogram',
    help: 'Time that calls waited for a limit before they were let through.',
    labels: ['route', 'le'],
    read: (scrape) => histograms(scrape, 'queueWaits'),
  },
  {
    name: 'relay_ledger_lost_total',
    type: 'counter',
    help: 'Rows of calls that the ledger lost because it could not be written in time.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.ledgerLost] ?? 0),
  },
  {
    name: 'relay_ledger_dropped_total',
    type: 'counter',
    help: 'Rows of refused calls that the ledger left out to keep those of calls that used something; its sums by day have them.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.ledgerDropped] ?? 0),
  },
  {
    name: 'relay_redis_away',
    type: 'gauge',
    help: '1 while limits cannot be kept in Redis.',
    labels: [],
    read: ({ control: { redis } }) => (redis === undefined ? [] : single(redis.isAway ? 1 : 0)),
  },
  {
    name: 'relay_redis_away_total',
    type: 'counter',
    help: 'Times that Redis went away.',
    labels: [],
    read: ({ control: { redis } }) => (redis === undefined ? [] : single(redis.timesAway)),
  },
  {
    name: 'relay_redis_round_trips_total',
    type: 'counter',
    help: 'Commands that were sent to Redis for limits.',
    labels: [],
    read: ({ sums, numbers, control: { redis } }) =>
      redis === undefined ? [] : single((sums[numbers.layout.redisRoundTrips] ?? 0) + redis.roundTrips),
  },
  {
    name: 'relay_limit_leases_total',
    type: 'counter',
    help: 'Blocks that were taken from limits in Redis to be spent here, a call at a time.',
    labels: [],
    read: ({ control: { redis } }) => (redis === undefined ? [] : single(redis.leases)),
  },
]
