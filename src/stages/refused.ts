import type { BodyEnd } from '../base/ends.ts'
import type { Call } from '../engine/call.ts'

/** Whether relay refused a call, by its end: it failed before it went out, and through no bug of relay's. */
export function isRefused({ attempts, error }: Pick<Call, 'attempts' | 'error'>, end: BodyEnd): boolean {
  return end === 'failed' && attempts === 0 && error !== null && error.failure !== 'internal'
}
