import type { TenantRecord } from '../auth/tenant.ts'
import type { Limit } from '../base/limit.ts'
import { kindOfKey, shortLimitName } from '../config/limit-parts.ts'
import { type QuotaChange, withQuota, type WrittenTenant } from '../config/quota.ts'
import { countText, moneyText, rateText } from '../config/units.ts'

/**
 * A stored record with a quota changed: what is named of its limits is written down as a file would have it, changed as a file is, and
 * made into limits by the config's own rules. What else a limit says (exact, away, its time zone) stays.
 */
export function withStoredQuota(
  record: TenantRecord,
  change: QuotaChange,
  planned: (written: WrittenTenant) => TenantRecord,
): TenantRecord {
  const short = record.limits.filter((limit) => isNamed(limit, change))
  const { limits } = planned(withQuota(writtenLimits(short), change))
  const before = new Map(record.limits.map((limit) => [limit.name, limit]))
  const next = new Map(limits.map((limit) => [limit.name, withOptions(limit, before.get(limit.name))]))
  const kept = record.limits.flatMap((limit) => (short.includes(limit) ? (next.get(limit.name) ?? []) : limit))
  const keptNames = new Set(kept.map(({ name }) => name))
  return { ...record, limits: [...kept, ...[...next.values()].filter(({ name }) => !keptNames.has(name))] }
}

/** Whether a limit is one in short form that the change speaks of. */
function isNamed({ name, kind, ...limit }: Limit, change: QuotaChange): boolean {
  const key = Object.entries(kindOfKey).find(([, one]) => one === kind)?.[0]
  const period = 'period' in limit ? limit.period : 'day'
  if (name !== shortLimitName(kind, period)) return false
  return Object.keys(change).some((one) => (one === 'burst' ? 'requests' : one) === key)
}

function writtenLimits(limits: readonly Limit[]): WrittenTenant {
  const written: Record<string, unknown> = {}
  const budgets: string[] = []
  for (const limit of limits) {
    if (limit.kind === 'budget') budgets.push(`${moneyText(limit.nanoUsd)}/${limit.period}`)
    else if (limit.kind === 'concurrency') written['concurrency'] = countText(limit.most)
    else written[keyOf(limit.kind)] = { rate: rateText(limit), ...(limit.burst === limit.count ? {} : { burst: limit.burst }) }
  }
  return budgets.length === 0 ? written : { ...written, budget: budgets }
}

function keyOf(kind: 'requests' | 'input_tokens' | 'output_tokens'): string {
  return kind === 'input_tokens' ? 'inputTokens' : kind === 'output_tokens' ? 'outputTokens' : kind
}

function withOptions(limit: Limit, before: Limit | undefined): Limit {
  if (before === undefined) return limit
  const { exact, away, dryRun } = before
  const options = { exact, away, dryRun }
  if (limit.kind === 'budget' && before.kind === 'budget') return { ...limit, ...options, timeZone: before.timeZone }
  return { ...limit, ...options }
}
