import type { Limit, LimitKind } from '../base/limit.ts'

/** What the short form of a limit is called: `requests`, `input-tokens`, `output-tokens`, `concurrency`, `budget-day`, … */
export function shortLimitName(kind: LimitKind, period: 'day' | 'week' | 'month' = 'day'): string {
  return kind === 'budget' ? `budget-${period}` : kind.replace('_', '-')
}

/** The keys under which a limit is written, and what each counts. */
export const kindOfKey = {
  requests: 'requests',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  concurrency: 'concurrency',
  budget: 'budget',
} as const

/** A key under which a limit is written. */
export type LimitKey = keyof typeof kindOfKey

/** All of them, in the order in which they are told. */
export const limitKeys = ['requests', 'inputTokens', 'outputTokens', 'concurrency', 'budget'] as const

/** Whether a limit holds for nothing but calls of Claude's: their models, tokens and prices are known. */
export function needsClaude({ kind, models }: Limit): boolean {
  return kind === 'input_tokens' || kind === 'output_tokens' || kind === 'budget' || models !== null
}

/** Whether a limit needs to know whose call it is. */
export function needsTenant({ per }: Limit): boolean {
  return per.includes('tenant') || per.includes('business')
}
