import { bodyEnds } from '../base/ends.ts'
import { failures, type Failure } from '../base/errors.ts'
import type { LimitKind } from '../base/limit.ts'
import { histogramWidth } from './histogram.ts'
import { statusClasses, statusLabels } from './statuses.ts'

/**
 * Where each number lives in the shared memory: a head that says how large everything is, then one column a worker. A column
 * is counters first, then gauges: when its worker dies the counters are moved to control's own column and the gauges are gone.
 * Every number is a double of 8 aligned bytes with one writer, which a 64-bit processor never tears, so there are no locks.
 */
export interface Layout extends Capacity, Places {
  /** Counters of a column: they stand first. */
  readonly counters: number
  /** Numbers in a column, rounded up so that no two workers write to one cache line. */
  readonly column: number
}

/** What the memory has room for, fixed at the start; slots include slot 0, `other`. */
export interface Capacity {
  readonly workers: number
  readonly routes: number
  readonly upstreams: number
  readonly tenants: number
  readonly businesses: number
}

/** Token counts of a route, in the order they are kept. */
export const tokenTypes = ['input', 'output', 'cache_write_5m', 'cache_write_1h', 'cache_read'] as const

/** Where a call's token counts came from, in the order the calls are kept. */
export const usageSources = ['reported', 'estimated'] as const

/** Counters of an upstream, in the order they are kept. */
export const upstreamEvents = ['opened', 'connect_failed', 'retried'] as const

/** Gauges of an upstream's pools, in the order they are kept. */
export const poolGauges = ['open', 'idle', 'waiting', 'limit'] as const

/** What a limit counts, in the order that refusals are kept. */
export const limitKinds: readonly LimitKind[] = ['requests', 'input_tokens', 'output_tokens', 'concurrency', 'budget']

/** Gauges of a business, in the order they are kept. */
export const businessGauges = ['calls', 'streams'] as const

/** Priorities of tenants: 0 to 9. */
const priorities = 10

/** What a worker publishes of a route's queue: how many wait, how the first of them ranks, and a virtual clock for each priority. */
export const queueWords: readonly string[] = [
  'waiting',
  'priority',
  'tag',
  'bucket',
  ...Array.from({ length: priorities }, (_none, k) => `clock ${k}`),
]

/** The kinds of failure in the order they are kept. */
export const failureKinds: readonly string[] = Object.keys(failures)

/** The place of a failure in `failureKinds`: find it once, when the snapshot is compiled. */
export function failureIndex(failure: Failure): number {
  return failureKinds.indexOf(failure)
}

/** Places of the blocks in a column; a block holds one row a slot. */
export interface Places {
  readonly calls: number
  readonly durations: number
  readonly ends: number
  readonly tokens: number
  readonly usages: number
  readonly firstBytes: number
  readonly upstreamEvents: number
  readonly refused: number
  readonly accepted: number
  readonly shed: number
  readonly countFallbacks: number
  readonly awayRefusals: number
  readonly ledgerLost: number
  readonly ledgerDropped: number
  readonly redisRoundTrips: number
  readonly tenantCalls: number
  readonly tenantTokens: number
  readonly tenantCosts: number
  readonly limitHits: number
  readonly dryRuns: number
  readonly businessCalls: number
  readonly businessTokens: number
  readonly businessCosts: number
  readonly queueWaits: number
  readonly logDropped: number
  readonly connections: number
  readonly activeCalls: number
  readonly streams: number
  readonly lag: number
  readonly pools: number
  readonly businessGauges: number
  readonly queues: number
}

/** Numbers in the head of the memory: the capacity, and room up to the next cache line. */
export const headLength = 8

/** The layout for a capacity. */
export function layoutOf({ workers, routes, upstreams, tenants, businesses }: Capacity): Layout {
  const counterRows = {
    calls: routes * statusLabels.length,
    durations: routes * histogramWidth,
    ends: routes * bodyEnds.length,
    tokens: routes * tokenTypes.length,
    usages: routes * usageSources.length,
    firstBytes: upstreams * histogramWidth,
    upstreamEvents: upstreams * upstreamEvents.length,
    refused: failureKinds.length,
    accepted: 1,
    logDropped: 1,
    shed: 1,
    countFallbacks: 1,
    awayRefusals: 1,
    ledgerLost: 1,
    ledgerDropped: 1,
    redisRoundTrips: 1,
    tenantCalls: tenants * statusClasses.length,
    tenantTokens: tenants * tokenTypes.length,
    tenantCosts: tenants,
    limitHits: tenants * limitKinds.length,
    dryRuns: tenants * limitKinds.length,
    businessCalls: businesses * statusClasses.length,
    businessTokens: businesses * tokenTypes.length,
    businessCosts: businesses,
    queueWaits: routes * histogramWidth,
  }
  const gaugeRows = {
    connections: 1,
    activeCalls: 1,
    streams: 1,
    lag: 1,
    pools: upstreams * poolGauges.length,
    businessGauges: businesses * businessGauges.length,
    queues: routes * queueWords.length,
  }
  const [counterPlaces, counters] = placed(counterRows, 0)
  const [gaugePlaces, end] = placed(gaugeRows, counters)
  return { workers, routes, upstreams, tenants, businesses, ...counterPlaces, ...gaugePlaces, counters, column: Math.ceil(end / 8) * 8 }
}

/** The layout of a memory that control made. */
export function layoutIn(memory: Float64Array): Layout {
  const [workers = 0, routes = 0, upstreams = 0, tenants = 0, businesses = 0] = memory
  return layoutOf({ workers, routes, upstreams, tenants, businesses })
}

/** Where the column of a worker starts. */
export function columnStart(layout: Layout, worker: number): number {
  return headLength + worker * layout.column
}

function placed<Name extends string>(lengths: Readonly<Record<Name, number>>, start: number): [Record<Name, number>, number] {
  const places: Record<Name, number> = { ...lengths }
  let at = start
  for (const name in lengths) {
    places[name] = at
    at += lengths[name]
  }
  return [places, at]
}
