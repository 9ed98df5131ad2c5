import type { TenantRecord } from '../auth/tenant.ts'
import { ConfigError } from '../base/errors.ts'
import { readDocument } from './document.ts'
import { findings, pathText } from './findings.ts'
import { planFromValue } from './load-text.ts'
import type { WrittenTenant } from './quota.ts'
import { offlineSources } from './sources.ts'

/** The record of a tenant as if it stood in the config, with all that the config says of tiers, routes and defaults; throws a ConfigError. */
export function plannedTenant(text: string, name: string, written: WrittenTenant): TenantRecord {
  const found = findings()
  const { value } = readDocument(text)
  const config = isRecord(value) ? value : {}
  const tenants = isRecord(config['tenants']) ? config['tenants'] : {}
  const plan = planFromValue({ ...config, tenants: { ...tenants, [name]: written } }, { sources: offlineSources, found })
  const record = plan?.tenancy?.tenants.find((tenant) => tenant.name === name)
  if (found.all.length === 0 && record !== undefined) return record
  throw new ConfigError(found.all.map(({ path, message, remedy }) => ({ path: pathText(path), message, remedy })))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
