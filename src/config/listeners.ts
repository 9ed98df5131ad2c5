import { createSecureContext } from 'node:tls'
import { addressRemedy, addressText, isLoopback, readAddress, readBlock } from './address.ts'
import { type KeyPath, shown } from './findings.ts'
import { injectsCredential } from './header-rules.ts'
import type { AddressPlan, GuardPlan, ListenerPlan, RoutePlan } from './plan.ts'
import type { ConfigFile } from './schema.ts'
import { hasTenants } from './has-tenants.ts'
import { readFault } from './sources.ts'
import type { Making } from './upstreams.ts'

type ListenFile = Exclude<ConfigFile['listen'], readonly unknown[]>

interface PlacedListener {
  readonly plan: ListenerPlan
  readonly path: KeyPath
}

/** What relay listens on. */
export interface Listening {
  readonly listeners: readonly ListenerPlan[]
  readonly admin: AddressPlan | null
  readonly guard: GuardPlan | null
}

/** Makes the listeners, and decides who may reach a credential that relay puts in. */
export function listening(routes: readonly RoutePlan[], making: Making): Listening {
  const { config } = making
  const written: readonly (readonly [ListenFile, KeyPath])[] = Array.isArray(config.listen)
    ? config.listen.map((one, index) => [one, ['listen', index]] as const)
    : [[config.listen, ['listen']]]
  const placed = written.flatMap(([one, path]) => listener(one, path, making) ?? [])
  const admin = adminListener(making)
  reportDoubles(placed, admin, making)
  return { listeners: placed.map(({ plan }) => plan), admin, guard: guard(placed, routes, making) }
}

/** The proxies whose forwarded headers are believed, as CIDR blocks. */
export function trustedProxies({ config, found }: Making): readonly string[] {
  return config.trustedProxies.flatMap((written, index) => {
    const block = readBlock(written)
    if (block === undefined)
      found.add(['trustedProxies', index], `${shown(written)} is not an address or a CIDR block`, 'write 10.0.0.0/8, 192.0.2.1 or fd00::/8')
    return block ?? []
  })
}

function listener(written: ListenFile, path: KeyPath, making: Making): PlacedListener | undefined {
  const text = typeof written === 'string' ? written : written.address
  const at = typeof written === 'string' ? path : [...path, 'address']
  const address = readAddress(text)
  if (address === undefined) {
    making.found.add(at, `${shown(text)} is not an address to listen on`, addressRemedy)
    return undefined
  }
  const files = typeof written === 'string' ? undefined : written.tls
  const tls = files === undefined ? null : { cert: making.sources.path(files.cert), key: making.sources.path(files.key) }
  if (files !== undefined) checkTls(files, [...path, 'tls'], making)
  return { plan: { ...address, tls, http2: typeof written === 'string' || written.http2 }, path: at }
}

function checkTls(files: { readonly cert: string; readonly key: string }, path: KeyPath, { sources, found }: Making): void {
  if (!sources.live) return
  const read = (which: 'cert' | 'key'): string | undefined => {
    try {
      return sources.file(files[which])
    } catch (error) {
      found.add(
        [...path, which],
        `cannot read the file ${shown(files[which])}: ${readFault(error)}`,
        'correct the path (it is relative to the config file), or make the file readable',
      )
      return undefined
    }
  }
  const [cert, key] = [read('cert'), read('key')]
  if (cert === undefined || key === undefined) return
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'they do not parse'
    found.add(
      [...path, 'cert'],
      `the certificate ${shown(files.cert)} and the key ${shown(files.key)} cannot be used: ${reason}`,
      'name a certificate chain and its own private key, both in PEM',
    )
  }
}

function adminListener({ config, found }: Making): AddressPlan | null {
  const { admin } = config
  if (admin === false || admin === 'off') return null
  const [text, isPublic, at] = typeof admin === 'string' ? [admin, false, ['admin']] : [admin.address, admin.public, ['admin', 'address']]
  const address = readAddress(text)
  if (address === undefined) found.add(at, `${shown(text)} is not an address to listen on`, `${addressRemedy}; or false for none`)
  else if (!isPublic && !isLoopback(address)) {
    const message = `${addressText(address)} can be reached from other machines: everybody there could read metrics and health`
    found.add(at, message, `use 127.0.0.1:${address.port}, or write {address: '${addressText(address)}', public: true}`)
  }
  return address ?? null
}

function reportDoubles(placed: readonly PlacedListener[], admin: AddressPlan | null, { found }: Making): void {
  const seen = new Set<string>()
  const all = [...placed.map(({ plan, path }) => ({ plan, path })), ...(admin === null ? [] : [{ plan: admin, path: ['admin'] }])]
  for (const { plan, path } of all) {
    const text = addressText(plan)
    if (plan.port !== 0 && seen.has(text)) found.add(path, `${text} is listened on twice`, 'give each listener a port of its own')
    seen.add(text)
  }
}

// Whoever can reach a listener can spend the key behind a route that asks for no tenant's key. On loopback a web page could still be made
// to call it (DNS rebinding, or a plain cross-origin POST), so there Host and Origin are checked.
function guard(placed: readonly PlacedListener[], routes: readonly RoutePlan[], making: Making): GuardPlan | null {
  const { config, found } = making
  const asks = hasTenants(making)
  const first = routes.find((route) => injects(route) && !(asks && route.authenticate))
  if (first === undefined || config.public) return null
  for (const { plan, path } of placed.filter((one) => !isLoopback(one.plan))) {
    const spends = 'anybody who reaches the address spends that key'
    const who = asks ? `the route ${shown(first.name)} puts in a credential without asking for a key` : 'relay puts in a credential'
    const other = asks ? 'leave `authenticate: false` out of the route' : 'give callers keys of their own (`tenants`)'
    found.add(
      path,
      `${addressText(plan)} can be reached from other machines, and ${who}: ${spends}`,
      `listen on 127.0.0.1:${plan.port}, or allow it with public: true (--public), or ${other}`,
    )
  }
  const own = [...placed.map(({ plan }) => plan.host), ...routes.flatMap((route) => route.host ?? [])]
  return { hosts: [...new Set(['127.0.0.1', 'localhost', '::1', ...own])] }
}

function injects(route: RoutePlan): boolean {
  return route.credential === 'replace' || injectsCredential(route.requestHeaders)
}
