import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { PoolOptions } from './pool-options.ts'

/** Connects to one address of an origin. Over TLS its certificate is always verified, for the name that was configured. */
export function dial({ host, port, tls }: PoolOptions, address: string, onread: OnReadOpts): Socket {
  const where = { host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, onread }
  if (tls === null) return connect(where)
  return connectTls({
    ...where,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls.ca === null ? {} : { ca: tls.ca }),
  })
}
