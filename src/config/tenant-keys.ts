import type { TenantKey } from '../auth/tenant.ts'
import { mostKeys } from '../auth/record.ts'
import type { Findings, KeyPath } from './findings.ts'
import type { TenantFile } from './schema-tenant.ts'

type KeyFile = TenantFile['keys'][number]

/** The keys that a config names, and where each was named first: no two tenants have one. */
export interface NamedKeys {
  readonly found: Findings
  readonly seen: Map<string, KeyPath>
}

/** A tenant's keys by their digests; what is wrong with one is told without showing it. */
export function tenantKeys(written: readonly KeyFile[], path: KeyPath, named: NamedKeys): readonly TenantKey[] {
  const { found } = named
  if (written.length > mostKeys) {
    const remedy = `keep the one in use and the one to change over to, ${mostKeys} at most`
    found.add([...path, mostKeys], `is one key too many: there are ${written.length}`, remedy)
  }
  return written.flatMap((one, index) => tenantKey(one, [...path, index], named) ?? [])
}

function tenantKey(written: KeyFile, path: KeyPath, { found, seen }: NamedKeys): TenantKey | undefined {
  const isText = typeof written === 'string'
  const at = isText ? path : [...path, 'sha256']
  const text = isText ? written : `sha256:${written.sha256}`
  if (/^(sha256:)?rk_/.test(text)) {
    const remedy = 'make a new key with `relay tenant rotate`, and take this one as known to everybody who could read this file'
    found.add(at, 'is a key itself, and only its SHA-256 may stand here', remedy)
    return undefined
  }
  const sha256 = /^sha256:([0-9a-f]{64})$/i.exec(text)?.[1]?.toLowerCase()
  if (sha256 === undefined) {
    const remedy = 'write sha256: and 64 hexadecimal digits behind it, as `relay tenant add` prints it'
    found.add(at, 'is not the SHA-256 of a key', isText ? remedy : remedy.replace('sha256: and ', '').replace(' behind it', ''))
    return undefined
  }
  const first = seen.get(sha256)
  if (first !== undefined) {
    found.addPair(at, first, { message: 'is the key that stands here already', remedy: 'give each tenant keys of its own' })
    return undefined
  }
  seen.set(sha256, at)
  const { createdAt = '', hint = `sha256:${sha256.slice(0, 8)}…` } = isText ? {} : written
  return { sha256, createdAt, hint }
}
