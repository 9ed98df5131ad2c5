import { histogramWidth, readHistogram } from './histogram.ts'
import { businessGauges, poolGauges, upstreamEvents } from './layout.ts'
import { histogramSamples, type Sample, type Scrape } from './metric.ts'

type Labels = Readonly<Record<string, string>>

/** The rows of a block that is kept by route: rows of routes that nothing was counted on are left out. */
export function routeRows(
  { numbers, sums }: Scrape,
  block: 'calls' | 'ends' | 'tokens' | 'usages',
  kinds: readonly string[],
  label: string,
): readonly Sample[] {
  return numbers.routeSlots.names().flatMap((route, slot) => {
    const samples = row(sums, numbers.layout[block] + slot * kinds.length, kinds, (kind) => ({ route, [label]: kind }))
    return samples.some(isCounted) ? samples : []
  })
}

/** The rows of a block that is kept by tenant or business; the labels are that of the slot, then that of the kind. Empty rows are left out. */
export function slotRows(
  { numbers, sums }: Scrape,
  block: 'tenantCalls' | 'tenantTokens' | 'limitHits' | 'dryRuns' | 'businessCalls' | 'businessTokens',
  kinds: readonly string[],
  [owner, label]: readonly ['tenant' | 'business', string],
): readonly Sample[] {
  const names = (owner === 'tenant' ? numbers.tenantSlots : numbers.businessSlots).names()
  return names.flatMap((name, slot) => {
    const samples = row(sums, numbers.layout[block] + slot * kinds.length, kinds, (kind) => ({ [owner]: name, [label]: kind }))
    return samples.some(isCounted) ? samples : []
  })
}

/** What calls cost, in dollars, by tenant or business; where nothing did, there is no row. */
export function costs({ numbers, sums }: Scrape, owner: 'tenant' | 'business'): readonly Sample[] {
  const [slots, at] =
    owner === 'tenant' ? [numbers.tenantSlots, numbers.layout.tenantCosts] : [numbers.businessSlots, numbers.layout.businessCosts]
  const samples = slots.names().map((name, slot) => ({ labels: { [owner]: name }, value: (sums[at + slot] ?? 0) / 1e9 }))
  return samples.filter(isCounted)
}

/** A gauge of all businesses; that of all others only where it is used. */
export function businessGauge({ numbers, sums }: Scrape, gauge: (typeof businessGauges)[number]): readonly Sample[] {
  const at = numbers.layout.businessGauges + businessGauges.indexOf(gauge)
  const samples = numbers.businessSlots
    .names()
    .map((business, slot) => ({ labels: { business }, value: sums[at + slot * businessGauges.length] ?? 0 }))
  return samples.filter((sample, slot) => slot > 0 || isCounted(sample))
}

/** One row of numbers as samples, a kind each. */
export function row(sums: Float64Array, at: number, kinds: readonly string[], labels: (kind: string) => Labels): readonly Sample[] {
  return kinds.map((kind, index) => ({ labels: labels(kind), value: sums[at + index] ?? 0 }))
}

/** Whether a sample is more than zero. */
export function isCounted(sample: Sample): boolean {
  return sample.value > 0
}

/** The histograms of all routes or upstreams that have one. */
export function histograms({ numbers, sums }: Scrape, block: 'durations' | 'firstBytes' | 'queueWaits'): readonly Sample[] {
  const byRoute = block !== 'firstBytes'
  const names = (byRoute ? numbers.routeSlots : numbers.upstreamSlots).names()
  return names.flatMap((name, slot) => {
    const reading = readHistogram(sums, numbers.layout[block] + slot * histogramWidth)
    if (reading.count === 0) return []
    return histogramSamples(byRoute ? { route: name } : { upstream: name }, reading)
  })
}

/** A counter of all upstreams that have a slot; the slot for all others only when it is used. */
export function upstreamEvent({ numbers, sums }: Scrape, event: (typeof upstreamEvents)[number]): readonly Sample[] {
  const at = numbers.layout.upstreamEvents + upstreamEvents.indexOf(event)
  const samples = numbers.upstreamSlots
    .names()
    .map((upstream, slot) => ({ labels: { upstream }, value: sums[at + slot * upstreamEvents.length] ?? 0 }))
  return samples.filter((sample, slot) => slot > 0 || isCounted(sample))
}

type PoolReading = Readonly<Record<(typeof poolGauges)[number], number>>

/** Gauges of the upstreams that have a pool right now. */
export function pools({ numbers, sums }: Scrape, samplesOf: (pool: PoolReading) => readonly Sample[]): readonly Sample[] {
  return numbers.upstreamSlots.names().flatMap((upstream, slot) => {
    const at = numbers.layout.pools + slot * poolGauges.length
    const [open = 0, idle = 0, waiting = 0, limit = 0] = sums.subarray(at, at + poolGauges.length)
    if (open === 0 && waiting === 0 && limit === 0) return []
    return samplesOf({ open, idle, waiting, limit }).map((sample) => ({ ...sample, labels: { upstream, ...sample.labels } }))
  })
}
