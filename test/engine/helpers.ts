import { once } from 'node:events'
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import { createServer as createTls, type TlsOptions } from 'node:tls'
import type { BodyEnd } from '../../src/base/ends.ts'
import type { Failure } from '../../src/base/errors.ts'
import type { Call, Stage } from '../../src/engine/call.ts'
import { SessionPool } from '../../src/engine/h2/session-pool.ts'
import { Pool } from '../../src/engine/pool.ts'
import type { Dispatcher, PoolHost, PoolOptions } from '../../src/engine/pool-options.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { engineWorld, type EngineWorld, type WorldOptions } from '../helpers/engine-world.ts'
import { RawClient } from '../helpers/raw.ts'
import type { Message } from '../helpers/strict-reader.ts'

/** Something that changes, and whoever waits for it to be so. */
export class Watched {
  private readonly waiting = new Set<() => void>()

  changed(): void {
    for (const look of [...this.waiting]) look()
  }

  /** Resolves as soon as `isSo`, looked at now and at every change. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return
        this.waiting.delete(look)
        resolve()
      }
      this.waiting.add(look)
      look()
    })
  }
}

/** How a call came to its end. */
export interface Ended {
  readonly end: BodyEnd
  readonly status: number
  readonly failure: Failure | null
}

/** An origin that a test plays by hand, connection by connection. */
export interface HandOrigin extends Watched {
  readonly port: number
  readonly connections: readonly RawClient[]
  /** Waits for the connection with this number, from 0, and until it has sent a whole head. */
  called(k?: number): Promise<RawClient>
}

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** Starts one; with a certificate it speaks TLS. */
export async function handOrigin(
  t: Scope,
  { tls, host = '127.0.0.1', port = 0 }: { tls?: TlsOptions; host?: string; port?: number } = {},
): Promise<HandOrigin> {
  const watched = new Watched()
  const connections: RawClient[] = []
  const accept = (socket: Socket): void => {
    connections.push(new RawClient(socket))
    watched.changed()
  }
  const server: TcpServer =
    tls === undefined ? createServer({ allowHalfOpen: true }, accept) : createTls({ allowHalfOpen: true, ...tls }, accept)
  server.on('tlsClientError', () => {})
  const raw = new Set<Socket>()
  server.on('connection', (socket: Socket) => raw.add(socket.on('error', () => {})))
  server.listen(port, host)
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of raw) socket.destroy()
    await closed
  })
  return Object.assign(watched, {
    port: (server.address() as AddressInfo).port,
    connections,
    async called(k = 0) {
      await watched.until(() => connections.length > k)
      const connection = connections[k]!
      await connection.until(() => connection.received.includes('\r\n\r\n'))
      return connection
    },
  })
}

/** What a pool told of itself. */
export interface Told {
  open: number
  idle: number
  waiting: number
  opened: number
  connectFailed: number
  retried: number
  closed: number
}

/** The engine with a pool towards a hand-played origin, and what became of its calls. */
export interface Bench {
  readonly world: EngineWorld
  readonly pool: Dispatcher
  readonly ended: readonly Ended[]
  readonly told: Readonly<Told>
  /** Looked at whenever a call ends or the pool's numbers change. */
  readonly watched: Watched
  /** Connects, and sends these pieces. */
  readonly call: (...pieces: readonly (string | Buffer)[]) => Promise<RawClient>
  /** All numbers are zero and nothing is under way. */
  readonly isQuiet: () => boolean
}

export interface BenchOptions extends WorldOptions {
  readonly port: number
  readonly lookUp?: PoolHost['lookUp']
}

/** Makes one. Its pool ends before its origin does. */
export async function bench(t: Scope, options: BenchOptions): Promise<Bench> {
  const watched = new Watched()
  const ended: Ended[] = []
  const told: Told = { open: 0, idle: 0, waiting: 0, opened: 0, connectFailed: 0, retried: 0, closed: 0 }
  const count = (what: 'opened' | 'connectFailed' | 'retried' | 'closed') => (): void => {
    told[what]++
    watched.changed()
  }
  const to = poolOptions(options)
  const host: PoolHost = {
    slab: new Slab(),
    sweep: new Sweep(),
    readBuffer: Buffer.allocUnsafeSlow(65_536),
    ...(options.lookUp === undefined ? {} : { lookUp: options.lookUp }),
    gauge: (open, idle, waiting) => {
      Object.assign(told, { open, idle, waiting })
      watched.changed()
    },
    opened: count('opened'),
    connectFailed: count('connectFailed'),
    retried: count('retried'),
    closed: count('closed'),
  }
  const pool = to.http === 2 ? new SessionPool(to, host) : new Pool(to, host)
  const record: Stage = (call, next) => {
    call.onEnd((call: Call, end) => {
      ended.push({ end, status: call.status, failure: call.error?.failure ?? null })
      watched.changed()
    })
    return next(call)
  }
  const world = await engineWorld(t, { ...options, stages: [record, ...(options.stages ?? []), (call) => pool.dispatch(call)] })
  t.teardown(async () => {
    await world.close()
    await pool.close()
  })
  return {
    world,
    pool,
    ended,
    told,
    watched,
    async call(...pieces) {
      const caller = await world.connect()
      await caller.send(...pieces)
      return caller
    },
    isQuiet: () => world.underWay.size === 0 && told.waiting === 0 && told.open === told.idle,
  }
}

function poolOptions({ port, pool }: BenchOptions): PoolOptions {
  return {
    name: 'origin',
    host: '127.0.0.1',
    port,
    tls: null,
    http: 1,
    connections: 64,
    streams: 100,
    waiting: 1024,
    waitMs: 20_000,
    idleMs: 20_000,
    connectMs: 20_000,
    resolveMs: 60_000,
    ...pool,
  }
}

export const get = 'GET / HTTP/1.1\r\nHost: relay\r\n\r\n'
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** The one value of a field of a message, or what stands there instead. */
export function field(message: Message | undefined, name: string): string | undefined {
  const values = (message?.fields ?? []).filter(([key]) => key === name).map(([, value]) => value)
  return values.length > 1 ? `(${values.length} values)` : values[0]
}
