import { isIP } from 'node:net'
import type { HostPort } from '../base/redis.ts'
import { isHost } from './target.ts'

/** A Redis URL, its password as it is written; or what is wrong with it. */
export type ReadRedisUrl =
  | ({
      readonly is: 'url'
      readonly tls: boolean
      readonly username: string | null
      readonly password: string | null
      readonly db: number
    } & HostPort)
  | { readonly is: 'fault'; readonly message: string; readonly remedy: string }

const form = 'write redis://host:6379, redis://host:6379/1 or rediss:// for TLS'

/** Reads `redis://user:${env:NAME}@host:6379/0` or `rediss://…`. */
export function readRedisUrl(written: string): ReadRedisUrl {
  const [, scheme = '', rest = ''] = /^(rediss?):\/\/(.*)$/is.exec(written) ?? []
  if (scheme === '') return fault('is not a redis:// or rediss:// URL')
  // A slash or an at may stand inside of ${…}, and in a password that should not stand here at all.
  const end = rest.replace(/\$\{[^}]*\}/g, (hole) => '#'.repeat(hole.length)).lastIndexOf('@')
  const [, place = '', digits = '0', more] = /^([^/?#]*)(?:\/([0-9]{1,5})?)?(.*)$/s.exec(rest.slice(end + 1)) ?? []
  const address = readHostPort(place, 6379)
  if (address === undefined) return fault('names no valid host and port')
  if (more !== '') return fault('holds more than a host, a port and the number of a database')
  const user = end === -1 ? undefined : readUser(rest.slice(0, end))
  if (user === null)
    return { ...fault('holds a user that cannot be read'), remedy: 'a password stands behind a colon: redis://:${env:NAME}@host' }
  return { is: 'url', tls: scheme.toLowerCase() === 'rediss', ...address, db: Number(digits), ...(user ?? nobody) }
}

/** `host:port`, `host`, `[::1]:6379` as an address; undefined when it is none. */
export function readHostPort(written: string, usual: number): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(written) ?? []
  const host = (bracketed ?? plain ?? '').toLowerCase()
  const port = digits === undefined ? usual : Number(digits)
  const isValid = bracketed === undefined ? isHost(host) : isIP(host) === 6
  return isValid && port > 0 && port <= 65_535 ? { host, port } : undefined
}

const nobody = { username: null, password: null }

function readUser(written: string): { readonly username: string | null; readonly password: string | null } | null {
  const colon = written.replace(/\$\{[^}]*\}/g, (hole) => '#'.repeat(hole.length)).indexOf(':')
  const name = colon === -1 ? written : written.slice(0, colon)
  if (name.includes('${')) return null
  try {
    return { username: name === '' ? null : decodeURIComponent(name), password: colon === -1 ? null : written.slice(colon + 1) }
  } catch {
    return null
  }
}

function fault(message: string): Extract<ReadRedisUrl, { readonly is: 'fault' }> {
  return { is: 'fault', message, remedy: form }
}
