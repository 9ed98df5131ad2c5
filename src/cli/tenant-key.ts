import type { TenantKey } from '../auth/tenant.ts'
import { addressText } from '../config/address.ts'
import type { Plan } from '../config/plan.ts'
import { reachable } from './reachable.ts'

/** What is said of a new key, the one time that it can be shown. */
export function keyLines(key: string, plan: Plan): readonly string[] {
  const [listener] = plan.listeners
  const at = listener === undefined ? '' : addressText({ ...listener, host: reachable(listener.host) })
  const url = listener === undefined ? '' : `${listener.tls === null ? 'http' : 'https'}://${at}`
  return [
    `  key  ${key}`,
    '       shown this once: relay keeps no more than its SHA-256',
    `  use  as x-api-key or Authorization: Bearer, so with an SDK or Claude Code:`,
    `       export ANTHROPIC_BASE_URL=${url} ANTHROPIC_API_KEY=${key}`,
  ]
}

/** The same for programs. */
export function keyValue(key: string, { sha256, hint, createdAt }: TenantKey): Readonly<Record<string, string>> {
  return { key, sha256, hint, createdAt }
}
