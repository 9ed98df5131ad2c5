import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTls, type TLSSocket } from 'node:tls'
import { compose, type Call, type Stage } from '../../src/engine/call.ts'
import { SessionPool } from '../../src/engine/h2/session-pool.ts'
import { Pool } from '../../src/engine/pool.ts'
import type { Dispatcher, PoolHost, PoolOptions } from '../../src/engine/pool-options.ts'
import { Server } from '../../src/engine/server.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { outwards, telling, translating, type Translation } from '../../src/stages/translation.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { Watched } from '../engine/helpers.ts'

/** Relay's engine with the stages of a translating route, in this process, on real sockets. */
export interface GrpcRelay {
  readonly port: number
  readonly server: Server
  readonly sweep: HandSweep
  readonly calls: Calls
  /** What the pool tells of its connections; `calls` is told of changes. */
  readonly pool: { readonly open: number; readonly idle: number; readonly waiting: number }
  /** What callers' TLS agreed on, connection by connection. */
  readonly protocols: readonly (string | false | null)[]
  /** What should not happen and did. */
  readonly bugs: readonly unknown[]
  /** What is still under way or held anywhere, in words; empty: nothing. */
  left(): string
  /** Ends it: callers first, then the upstream's connections. */
  close(): Promise<void>
}

/** What a relay is made of. Times in ms. */
export interface GrpcRelayOptions {
  /** The upstream's port on this machine, and the version that it speaks. */
  readonly to: number
  readonly http?: 1 | 2
  readonly translation: Translation
  /** Between the callers' protocols and the upstream. */
  readonly stages?: readonly Stage[]
  /** Callers speak TLS with this certificate, and so does the upstream; null: all is in the clear. */
  readonly tls?: { readonly cert: string; readonly key: string } | null
  /** Waits for the upstream, and for callers, where these set none themselves. */
  readonly waitMs?: number
  readonly callerMs?: number
}

/** The calls of a relay, and how they ended. */
export class Calls extends Watched {
  readonly underWay = new Set<Call>()
  readonly ends: string[] = []

  begun(call: Call): void {
    this.underWay.add(call)
    call.onEnd((_call, end) => {
      this.underWay.delete(call)
      this.ends.push(call.error === null ? end : `${end}: ${call.error.failure}`)
      this.changed()
    })
  }
}

/** A sweep whose time a test lets pass as it likes, besides what passes by itself. */
export class HandSweep extends Sweep {
  /** Whatever is waited for that long, from now on, is waited for no more. */
  pass(ms: number): void {
    const until = performance.now() + ms
    this.each((timed) => {
      if (timed.place >= 0 && timed.deadline <= until) timed.expire(until)
    })
  }
}

/** Makes a relay; whoever makes it closes it. */
export async function grpcRelay(options: GrpcRelayOptions): Promise<GrpcRelay> {
  const { translation, stages = [], tls = null, waitMs = 20_000, callerMs = 20_000 } = options
  const sweep = new HandSweep()
  const slab = new Slab()
  const calls = new Calls()
  const numbers = { open: 0, idle: 0, waiting: 0 }
  const bugs: unknown[] = []
  const protocols: (string | false | null)[] = []
  const pool = poolTo(options, {
    ...{ slab, sweep, readBuffer: Buffer.allocUnsafeSlow(65_536) },
    gauge: (open, idle, waiting) => {
      Object.assign(numbers, { open, idle, waiting })
      calls.changed()
    },
    ...{ opened: nothing, connectFailed: nothing, retried: nothing, closed: nothing },
  })
  const told = telling(translation)
  const outward = outwards(translation)
  const waits: Stage = (call, next) => {
    call.firstByteMs = call.idleMs = waitMs
    return next(call)
  }
  const all = [told, waits, ...translating(translation, sweep), ...stages, outward].filter((stage) => stage !== null)
  const run = compose(all, (call) => pool.dispatch(call))
  const server = new Server(
    {
      ...{ slab, sweep, errorReply, isTrusted: () => false },
      handle: (call) => {
        calls.begun(call)
        return run(call)
      },
      ...{ connectionOpened: nothing, connectionClosed: () => calls.changed(), refused: nothing },
      bug: (error) => bugs.push(error),
    },
    { head: 32_768, fields: 100, headMs: callerMs, idleMs: callerMs, bodyMs: callerMs, writeMs: callerMs, streams: 100 },
    'req_',
  )
  const accept = (socket: Socket): void => {
    protocols.push((socket as TLSSocket).alpnProtocol ?? null)
    server.accept(socket)
  }
  const listener =
    tls === null ? createServer({ noDelay: true }, accept) : createTls({ ...tls, noDelay: true, ALPNProtocols: ['h2', 'http/1.1'] }, accept)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const exchanges = (): number => {
    let count = 0
    server.cut(() => {
      count++
      return false
    })
    return count
  }
  const left = (): string => {
    const { open, idle, waiting } = numbers
    const timed = sweep.size - server.size - open
    const all = { calls: calls.underWay.size, exchanges: exchanges(), busy: open - idle, waiting, timed, bugs: bugs.length }
    const some = Object.entries(all).filter(([, count]) => count !== 0)
    return some.map(([what, count]) => `${count} ${what}`).join(', ')
  }
  const close = async (): Promise<void> => {
    listener.close()
    server.destroy()
    await Promise.all([server.empty(), pool.close()])
  }
  return { port: (listener.address() as AddressInfo).port, server, sweep, calls, pool: numbers, protocols, bugs, left, close }
}

function poolTo({ to, http = 2, tls = null, callerMs = 20_000 }: GrpcRelayOptions, host: PoolHost): Dispatcher {
  const options: PoolOptions = {
    ...{ name: 'upstream', host: '127.0.0.1', port: to, http, tls: tls === null ? null : { ca: tls.cert } },
    ...{ connections: 4, streams: 100, waiting: 100, waitMs: callerMs, idleMs: callerMs, connectMs: 20_000, resolveMs: 60_000 },
  }
  return http === 2 ? new SessionPool(options, host) : new Pool(options, host)
}

function nothing(): void {
  // Nobody counts here.
}
