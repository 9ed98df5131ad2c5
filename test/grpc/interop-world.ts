import type { Test } from 'tap'
import { selfSigned } from '../helpers/certificate.ts'
import { grpcRelay, type GrpcRelay } from './relay.ts'

/** A certificate with its key; null: in the clear. */
export type Tls = { readonly cert: string; readonly key: string } | null

/** What stands at both ends of a relay in the interoperability cases. */
export interface InteropWorld {
  readonly relay: GrpcRelay
  readonly tls: Tls
  /** No call is left in relay, nothing of one is held, and nothing happened that should not. */
  settled(t: Test): Promise<void>
}

/** Relay between peers that speak in the clear or, on both of its sides, TLS; `serve` starts the server, which ends with the test. */
export async function interopWorld(
  t: Test,
  tls: Tls,
  serve: (tls: Tls) => Promise<{ readonly port: number; stop(): void }>,
): Promise<InteropWorld> {
  const server = await serve(tls)
  const relay = await grpcRelay({ to: server.port, tls, translation: { is: 'to_grpc', connect: { codecs: null, most: 1 }, json: null } })
  t.teardown(async () => {
    server.stop()
    await relay.close()
  })
  return {
    relay,
    tls,
    async settled(t) {
      await relay.calls.until(() => relay.left() === '')
      t.same(relay.bugs, [])
    },
  }
}

/** Both ways in which peers meet. */
export const ways: readonly { readonly name: string; readonly tls: Tls }[] = [
  { name: 'in the clear', tls: null },
  { name: 'over TLS', tls: selfSigned('relay.test') },
]
