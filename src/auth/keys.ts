import { hash, randomBytes } from 'node:crypto'
import type { TenantKey } from './tenant.ts'

const prefix = 'rk_'
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

// 62^43 is the first power that holds 256 bits.
const length = 43

/** A new key: `rk_` and 256 random bits in letters and digits, always of one length. It is shown once and kept nowhere. */
export function newKey(random: (bytes: number) => Buffer = randomBytes): string {
  let bits = BigInt(`0x${random(32).toString('hex')}`)
  let text = ''
  for (let place = 0; place < length; place++) {
    text = (digits[Number(bits % 62n)] ?? '') + text
    bits /= 62n
  }
  return prefix + text
}

/** Whether a credential can be a key of relay's at all. */
export function looksLikeKey(text: string): boolean {
  return text.length === prefix.length + length && text.startsWith(prefix)
}

/** SHA-256 of a key, a byte a character: the form in which the directory is asked, a third of a Buffer's cost. */
export function digestOf(key: string): string {
  return hash('sha256', key, 'latin1')
}

/** How a key is written down: by its digest, with its first characters to tell it from another. */
export function keyRecord(key: string, now: number = Date.now()): TenantKey {
  return { sha256: hash('sha256', key, 'hex'), createdAt: new Date(now).toISOString(), hint: `${key.slice(0, 7)}…` }
}

/** The digest that stands in a record, in the form of `digestOf`. */
export function digestFrom(sha256: string): string {
  return Buffer.from(sha256, 'hex').toString('latin1')
}
