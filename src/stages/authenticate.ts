import { looksLikeKey } from '../auth/keys.ts'
import type { Tenants } from '../auth/tenants.ts'
import { RelayError } from '../base/errors.ts'
import type { Tenant } from '../base/tenant.ts'
import type { Call, Next, Reply, Stage } from '../engine/call.ts'
import { awaitFor } from '../engine/hold.ts'
import { equalsWord, latin1, SPACE, TAB } from '../protocol/bytes.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'

/** Who is known. */
export interface AuthenticateOptions {
  readonly tenants: Tenants
}

/**
 * Finds out whose call it is, by a key of relay's own in `x-api-key` or `Authorization: Bearer`; clients with an `apiKeyHelper` send
 * it in both. A field that holds such a key stays here, whatever the route does with credentials; one that holds something else is
 * the upstream's affair, and passes.
 */
export function authenticate({ tenants }: AuthenticateOptions): Stage {
  return (call, next) => {
    const key = presentedKey(call)
    if (typeof key !== 'string') return Promise.reject(refused(key.message))
    const found = looksLikeKey(key) ? tenants.find(key) : null
    if (found instanceof Promise) return askLater(call, found, next)
    return found === null ? Promise.reject(refused(unknown)) : enter(call, found, next)
  }
}

/** Where nobody is asked for a key: one of relay's own, which callers may send all the same, does not go out either. */
export function withhold(): Stage {
  return (call, next) => {
    const { fields } = call.head
    for (const id of [Name.apiKey, Name.authorization]) if (holdsKey(fields, id)) call.edits.drop(1 << id)
    return next(call)
  }
}

/** Other services have keys that begin alike: only what can be one of relay's is taken for one. */
function holdsKey(fields: Head, id: number): boolean {
  if (!fields.has(id)) return false
  if (!fields.isDoubled(id)) return wholeKey.test(fields.text(id) ?? '')
  for (let k = 0; k < fields.count; k++) if (wholeKey.test(fields.value(k))) return true
  return false
}

const wholeKey = /(?<![\w-])rk_[0-9A-Za-z]{43}(?![\w-])/

async function askLater(call: Call, found: Promise<Tenant | null>, next: Next): Promise<Reply> {
  const tenant = await awaitFor(call, found)
  if (tenant === null) throw refused(unknown)
  return enter(call, tenant, next)
}

// oxlint-disable-next-line promise-function-async -- on the path of every call
function enter(call: Call, tenant: Tenant, next: Next): Promise<Reply> {
  call.tenant = tenant
  return next(call)
}

/** The key that a call shows, its fields taken off the call; or what is wrong with them. */
function presentedKey({ head: { fields }, edits }: Call): string | { readonly message: string } {
  if (((fields.doubled >> Name.apiKey) | (fields.doubled >> Name.authorization)) & 1) return doubled
  const inApiKey = keyStart(fields, Name.apiKey)
  const inAuthorization = keyStart(fields, Name.authorization)
  if (inApiKey >= 0) edits.drop(1 << Name.apiKey)
  if (inAuthorization >= 0) edits.drop(1 << Name.authorization)
  if (inAuthorization >= 0 && !isBearer(fields, inAuthorization)) return scheme
  if (inApiKey < 0 && inAuthorization < 0) return missing
  if (inApiKey < 0) return latin1(fields.bytes, inAuthorization, fields.valueEnd(Name.authorization))
  if (inAuthorization >= 0 && !isSame(fields, inApiKey, inAuthorization)) return different
  return latin1(fields.bytes, inApiKey, fields.valueEnd(Name.apiKey))
}

/** Where a key of relay's begins in a field, as a word of its own; -1 where there is none. */
function keyStart(fields: Head, id: number): number {
  if (!fields.has(id)) return -1
  const { bytes } = fields
  const from = fields.valueStart(id)
  const last = fields.valueEnd(id) - 3
  for (let at = from; at <= last; at++) {
    if (bytes[at] !== 0x72 || bytes[at + 1] !== 0x6b || bytes[at + 2] !== 0x5f) continue
    if (at === from || !isWord.has(bytes[at - 1]!)) return at
  }
  return -1
}

function isBearer(fields: Head, keyAt: number): boolean {
  const from = fields.valueStart(Name.authorization)
  let to = keyAt
  while (to > from && (fields.bytes[to - 1] === SPACE || fields.bytes[to - 1] === TAB)) to--
  return equalsWord(fields.bytes, from, to, bearer)
}

function isSame(fields: Head, one: number, other: number): boolean {
  const { bytes } = fields
  const length = fields.valueEnd(Name.apiKey) - one
  if (fields.valueEnd(Name.authorization) - other !== length) return false
  for (let k = 0; k < length; k++) if (bytes[one + k] !== bytes[other + k]) return false
  return true
}

function refused(message: string): RelayError {
  return new RelayError('unauthenticated', message, { shouldRetry: false })
}

/** What stands within a key, ours or another's. */
const isWord = new Set(Buffer.from('-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'))
const bearer = Buffer.from('bearer')
const unknown = 'this key is not known here: it was never made, or has been revoked'
const missing = { message: 'a key of this relay is needed, as x-api-key or Authorization: Bearer' }
const doubled = { message: 'a credential field stands there more than once' }
const different = { message: 'x-api-key and Authorization hold two different keys' }
const scheme = { message: 'in Authorization, a key of this relay is written behind Bearer' }
