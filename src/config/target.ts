import { isIP } from 'node:net'
import { shown } from './findings.ts'
import type { UpstreamPlan } from './plan.ts'
import { pathFault } from './route-path.ts'

/** The address of an upstream, read from its URL. */
export interface Origin {
  readonly builtin: boolean
  /** Whether it is written as grpc:// or grpcs://. */
  readonly grpc: boolean
  readonly tls: boolean
  readonly host: string
  readonly port: number
  /** What is written behind the host: '' when nothing is. */
  readonly path: string
}

/** An origin, or what is wrong with the URL. */
export type ReadOrigin =
  | { readonly is: 'origin'; readonly origin: Origin }
  | { readonly is: 'fault'; readonly message: string; readonly remedy: string }

const builtin: Origin = { builtin: true, grpc: false, tls: false, host: '127.0.0.1', port: 0, path: '' }

/** Whether a target is an URL (or `builtin:claude`) and not the name of an upstream. */
export function isUrl(target: string): boolean {
  return target.includes('://') || target.startsWith('builtin:')
}

/** Reads an upstream's URL: http, https, grpc, grpcs or `builtin:claude`, without user, query and fragment; `braces`: {variables} may stand in its path. */
export function readOrigin(written: string, { braces = false } = {}): ReadOrigin {
  if (written.startsWith('builtin:')) return readBuiltin(written)
  const [, scheme = '', authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is.exec(written) ?? []
  const speaks = schemes[scheme.toLowerCase()]
  if (speaks === undefined)
    return fault(
      `${shown(written)} is not an http:// or https:// URL`,
      'write it as https://host/path, or grpc://host:port for a gRPC server',
    )
  const { tls } = speaks
  if (authority.includes('@')) return fault('holds a user or password', 'take it out of the URL and use `credential` instead')
  const address = readAuthority(authority, tls)
  if (address === undefined)
    return fault(`${shown(written)} names no valid host and port`, 'write it as https://host, https://host:port or https://[::1]:port')
  const broken = rest === '' ? undefined : pathFault(braces ? rest.replace(/[{}]/g, '') : rest)
  if (broken !== undefined) return fault(`${shown(written)} ${broken.message}`, broken.remedy)
  return { is: 'origin', origin: { builtin: false, ...speaks, ...address, path: rest } }
}

const schemes: Readonly<Record<string, Pick<Origin, 'grpc' | 'tls'> | undefined>> = {
  http: { grpc: false, tls: false },
  https: { grpc: false, tls: true },
  grpc: { grpc: true, tls: false },
  grpcs: { grpc: true, tls: true },
}

/** `https://api.claude.ai`, `http://[::1]:3000` or `builtin:claude`. */
export function originText(origin: Origin): string {
  const { builtin, grpc, tls } = origin
  return builtin ? 'builtin:claude' : `${grpc ? 'grpc' : 'http'}${tls ? 's' : ''}://${hostPort(origin, tls ? 443 : 80)}`
}

/** `api.claude.ai` or `localhost:3000`: the host, and the port unless it is the usual one. */
export function hostPort({ host, port }: Origin, usual: number): string {
  const name = isIP(host) === 6 ? `[${host}]` : host
  return port === usual ? name : `${name}:${port}`
}

/** What speaks at an origin, unless the config says otherwise. */
export function usualKind(origin: Origin): UpstreamPlan['kind'] {
  if (origin.grpc) return 'grpc'
  return origin.builtin || origin.host === 'api.anthropic.com' ? 'claude' : 'http'
}

/** Whether a text is a host name or an address (IPv6 without brackets). */
export function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true
  // A name of digits and dots alone would be an address that is not one, such as 127.1.
  return text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$/.test(text) && !/(^|\.)[0-9]+\.?$/.test(text)
}

function readBuiltin(written: string): ReadOrigin {
  const path = /^builtin:claude(\/.*)?$/.exec(written)
  if (path === null) return fault(`${shown(written)} is not built in`, 'the only one is builtin:claude')
  const broken = path[1] === undefined ? undefined : pathFault(path[1])
  return broken === undefined
    ? { is: 'origin', origin: { ...builtin, path: path[1] ?? '' } }
    : fault(`${shown(written)} ${broken.message}`, broken.remedy)
}

function readAuthority(authority: string, tls: boolean): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([0-9]{1,5}))?$/.exec(authority) ?? []
  const host = (bracketed ?? plain ?? '').toLowerCase()
  const valid = bracketed === undefined ? isHost(host) : isIP(host) === 6
  const port = digits === undefined ? (tls ? 443 : 80) : Number(digits)
  return valid && port > 0 && port <= 65_535 ? { host, port } : undefined
}

function fault(message: string, remedy: string): ReadOrigin {
  return { is: 'fault', message, remedy }
}
