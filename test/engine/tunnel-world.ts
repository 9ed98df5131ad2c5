import { createServer as createTls, connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Call, Stage } from '../../src/engine/call.ts'
import { upgrade } from '../../src/stages/upgrade.ts'
import { RawClient } from '../helpers/raw.ts'
import { bench, handOrigin, type Bench, type BenchOptions, type HandOrigin } from './helpers.ts'

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** A handshake as a browser sends it. */
export const handshake = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: relay',
  'Connection: keep-alive, Upgrade',
  'Upgrade: WebSocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: chat',
  '\r\n',
].join('\r\n')

/** How an origin agrees. */
export const agreed = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  'Sec-WebSocket-Protocol: chat',
  '\r\n',
].join('\r\n')

/** The engine with a route that allows upgrades. */
export interface TunnelScene extends Bench {
  readonly origin: HandOrigin
  /** Every call that went through. */
  readonly calls: readonly Call[]
  /** A tunnel that stands: its two ends, heads read. */
  readonly open: () => Promise<Tunnel>
}

export interface Tunnel {
  readonly caller: RawClient
  readonly upstream: RawClient
  /** What came behind the heads. */
  readonly down: () => string
  readonly up: () => string
}

export type SceneOptions = Partial<BenchOptions> & { readonly protocols?: readonly string[] }

/** Makes one towards a hand-played origin. */
export async function tunnelScene(t: Scope, { protocols = ['websocket'], ...options }: SceneOptions = {}): Promise<TunnelScene> {
  const origin = await handOrigin(t)
  const calls: Call[] = []
  const remember: Stage = (call, next) => {
    calls.push(call)
    return next(call)
  }
  const made = await bench(t, { ...options, port: origin.port, stages: [remember, ...(options.stages ?? []), upgrade({ protocols })] })
  let opened = 0
  return {
    ...made,
    origin,
    calls,
    async open() {
      const caller = await made.call(handshake)
      caller.socket.allowHalfOpen = true
      const upstream = await origin.called(opened++)
      await upstream.send(agreed)
      await caller.until(() => caller.received.includes('\r\n\r\n'))
      return { caller, upstream, down: () => behindHead(caller), up: () => behindHead(upstream) }
    },
  }
}

/** What came behind the first head. */
export function behindHead({ received }: RawClient): string {
  return received.slice(received.indexOf('\r\n\r\n') + 4)
}

/** The lines of the first head. */
export function headLines({ received }: RawClient): readonly string[] {
  return received.slice(0, received.indexOf('\r\n\r\n')).split('\r\n')
}

/** A TLS door to the engine of a scene; connects through it. */
export async function secureDoor(
  t: Scope,
  { world }: Pick<Bench, 'world'>,
  pair: { readonly cert: string; readonly key: string },
): Promise<{ readonly port: number; readonly connect: () => Promise<RawClient> }> {
  const server = createTls({ ...pair, ALPNProtocols: ['http/1.1'] }, (socket) => world.server.accept(socket))
  const raw = new Set<Socket>()
  server.on('connection', (socket: Socket) => raw.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of raw) socket.destroy()
    await closed
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    async connect() {
      const socket = connectTls({ host: '127.0.0.1', port, ca: pair.cert, ALPNProtocols: ['http/1.1'] })
      socket.allowHalfOpen = true
      await once(socket, 'secureConnect')
      return new RawClient(socket)
    },
  }
}
