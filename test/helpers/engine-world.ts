import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { Failure } from '../../src/base/errors.ts'
import { compose, type Call, type Stage } from '../../src/engine/call.ts'
import { Pool } from '../../src/engine/pool.ts'
import { Server } from '../../src/engine/server.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { rawClient, type RawClient } from './raw.ts'
import { recordingOrigin, type RecordingOrigin } from './recording-origin.ts'

/** The engine alone, in this process, on real sockets: callers' side, one pool, and an origin that keeps every byte. */
export interface EngineWorld {
  readonly port: number
  readonly server: Server
  readonly pool: Pool
  readonly origin: RecordingOrigin
  /** Calls that have begun and not settled. */
  readonly underWay: ReadonlySet<Call>
  /** The pool's gauges. */
  readonly gauges: { readonly open: number; readonly idle: number; readonly waiting: number }
  /** Messages that were no call, by failure. */
  readonly refusals: readonly Failure[]
  /** What should not happen and did. */
  readonly bugs: readonly unknown[]
  connect(): Promise<RawClient>
  /** Bytes that relay has read from a caller. */
  readFrom(client: RawClient): number
  /** Waits until relay has read all that a caller sent. */
  heard(client: RawClient): Promise<void>
  /** Waits until relay has read all that a caller sent, and nothing goes on by itself any more. */
  settled(client: RawClient): Promise<void>
  /** Ends everything; it hangs if something is left. */
  close(): Promise<void>
}

export interface WorldOptions {
  /** Outermost first; waits and sizes are set by a stage in front of these. */
  readonly stages?: readonly Stage[]
  readonly limits?: Partial<Server['limits']>
  readonly pool?: Partial<Pool['options']>
  readonly firstByteMs?: number
  readonly idleMs?: number
}

/** Makes a world that ends with its test. */
export async function engineWorld(t: { teardown(end: () => Promise<void>): void }, options: WorldOptions = {}): Promise<EngineWorld> {
  const origin = await recordingOrigin()
  const slab = new Slab()
  const sweep = new Sweep()
  const state = { underWay: new Set<Call>(), gauges: { open: 0, idle: 0, waiting: 0 }, refusals: [] as Failure[], bugs: [] as unknown[] }
  const pool = poolFor(origin, { slab, sweep, gauges: state.gauges, options })
  const run = compose([waits(options), ...(options.stages ?? [])], (call) => pool.dispatch(call))
  const server = new Server(
    {
      slab,
      sweep,
      errorReply,
      handle: (call) => {
        state.underWay.add(call)
        call.onEnd(() => state.underWay.delete(call))
        return run(call)
      },
      isTrusted: () => false,
      connectionOpened: () => {},
      connectionClosed: () => {},
      refused: (failure) => state.refusals.push(failure),
      bug: (error) => state.bugs.push(error),
    },
    { head: 32_768, fields: 100, headMs: 20_000, idleMs: 20_000, bodyMs: 20_000, writeMs: 20_000, streams: 100, ...options.limits },
    'req_',
  )
  const sockets = new Map<number, Socket>()
  const listener = createServer({ noDelay: true }, (socket) => {
    const port = socket.remotePort ?? 0
    sockets.set(port, socket)
    socket.on('close', () => sockets.delete(port))
    server.accept(socket)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  let isClosed = false
  const world: EngineWorld = {
    ...state,
    port,
    server,
    pool,
    origin,
    connect: () => rawClient(port),
    readFrom(client) {
      const socket = sockets.get(client.socket.localPort ?? 0)
      return socket === undefined || socket.destroyed ? client.sent : socket.bytesRead
    },
    async heard(client) {
      while (world.readFrom(client) < client.sent) await turn()
    },
    async settled(client) {
      await world.heard(client)
      while ([...state.underWay].some((call) => call.body.isComplete || call.body.end !== null) || world.readFrom(client) < client.sent)
        await turn()
    },
    async close() {
      if (isClosed) return
      isClosed = true
      const closed = once(listener, 'close')
      listener.close()
      server.destroy()
      await Promise.all([closed, server.empty(), pool.close()])
      await origin.close()
    },
  }
  t.teardown(() => world.close())
  return world
}

function waits({ firstByteMs = 20_000, idleMs = 20_000 }: WorldOptions): Stage {
  return (call, next) => {
    call.firstByteMs = firstByteMs
    call.idleMs = idleMs
    return next(call)
  }
}

interface PoolParts {
  readonly slab: Slab
  readonly sweep: Sweep
  readonly gauges: { open: number; idle: number; waiting: number }
  readonly options: WorldOptions
}

function poolFor(origin: RecordingOrigin, { slab, sweep, gauges, options }: PoolParts): Pool {
  return new Pool(
    {
      name: 'origin',
      host: '127.0.0.1',
      port: origin.port,
      tls: null,
      http: 1,
      connections: 64,
      streams: 100,
      waiting: 1024,
      waitMs: 20_000,
      idleMs: 20_000,
      connectMs: 5000,
      resolveMs: 60_000,
      ...options.pool,
    },
    {
      slab,
      sweep,
      readBuffer: Buffer.allocUnsafeSlow(65_536),
      gauge: (open, idle, waiting) => Object.assign(gauges, { open, idle, waiting }),
      opened: () => {},
      connectFailed: () => {},
      retried: () => {},
      closed: () => {},
    },
  )
}
