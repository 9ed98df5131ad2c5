import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { PoolOptions } from './pool-options.ts'

/** Connects to one address of an origin. Over TLS its certificate is always verified, for the name that was configured. */
export function dial({ host, port, tls, http }: PoolOptions, address: string, onread: OnReadOpts): Socket {
  const where = { host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, onread }
  if (tls === null) return connect(where)
  return connectTls({
    ...where,
    ALPNProtocols: [http === 2 ? 'h2' : 'http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // Said here, because an environment variable can turn the default around.
    rejectUnauthorized: true,
    secureContext: contextFor(tls),
  })
}

type Tls = NonNullable<PoolOptions['tls']>

/** One context an origin: reading a hundred authorities takes longer than a handshake. */
const contexts = new WeakMap<Tls, SecureContext>()

function contextFor(tls: Tls): SecureContext {
  const known = contexts.get(tls)
  if (known !== undefined) return known
  const context = createSecureContext(tls.ca === null ? {} : { ca: [...getCACertificates('default'), tls.ca] })
  contexts.set(tls, context)
  return context
}
