import type { Limit } from '../../base/limit.ts'
import type { Period } from '../period.ts'

/** The last three arguments of a bucket, as the scripts' headers give them. */
export function limitArgs(limit: Limit, period: Period | null): readonly number[] {
  switch (limit.kind) {
    case 'concurrency':
      return [limit.most, 0, 0]
    case 'budget':
      return [limit.nanoUsd, period?.startMs ?? 0, period?.endMs ?? 0]
    case 'requests':
    case 'input_tokens':
    case 'output_tokens':
      return [limit.burst, limit.count, limit.periodMs * 1000]
  }
}
