import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { compose, type Call, type Stage } from '../../src/engine/call.ts'
import { SessionPool } from '../../src/engine/h2/session-pool.ts'
import { Server } from '../../src/engine/server.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { codecsOf } from '../../src/stages/connect-codec.ts'
import { outwards, translating, type Translation } from '../../src/stages/translation.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { Watched } from '../engine/helpers.ts'
import { gate, type Gate } from '../helpers/gate.ts'
import { echoServer, echoSet, type EchoServer } from './echo-server.ts'

/** Relay's engine with the stages of a gRPC route, in this process, in front of a server of grpc-js. */
export interface GrpcWorld {
  readonly port: number
  readonly upstream: EchoServer
  readonly calls: Calls
  /** Between relay and the upstream. */
  readonly door: Gate
  readonly server: Server
  readonly bugs: readonly unknown[]
}

/** The calls of a world, and how they ended. */
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

/** What a world is made of besides. */
export interface GrpcWorldOptions {
  /** Between the callers' protocols and the upstream. */
  readonly stages?: readonly Stage[]
}

/** Makes a world that ends with its test. */
export async function grpcWorld(t: { teardown(end: () => unknown): unknown }, { stages = [] }: GrpcWorldOptions = {}): Promise<GrpcWorld> {
  const upstream = await echoServer(t)
  const door = await gate(t, upstream.port)
  const slab = new Slab()
  const sweep = new Sweep()
  const calls = new Calls()
  const bugs: unknown[] = []
  const pool = poolTo(door.port, slab, sweep)
  const methods = transcoder({ descriptors: echoSet, mostMessage: most })
  const translation: Translation = { is: 'to_grpc', connect: { codecs: codecsOf(methods), most }, json: null }
  const run = compose([waits, ...translating(translation, sweep), ...stages, outwards(translation)!], (call) => pool.dispatch(call))
  const server = new Server(
    {
      slab,
      sweep,
      errorReply,
      handle: (call) => {
        calls.begun(call)
        return run(call)
      },
      isTrusted: () => false,
      connectionOpened: () => {},
      connectionClosed: () => {},
      refused: () => {},
      bug: (error) => bugs.push(error),
    },
    { head: 32_768, fields: 100, headMs: 20_000, idleMs: 20_000, bodyMs: 20_000, writeMs: 20_000, streams: 100 },
    'req_',
  )
  const listener = createServer({ noDelay: true }, (socket: Socket) => server.accept(socket))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(async () => {
    listener.close()
    server.destroy()
    upstream.stop()
    await pool.close()
  })
  return { port: (listener.address() as AddressInfo).port, upstream, calls, door, server, bugs }
}

/** Bytes of a message. */
export const most = 65_536

function poolTo(port: number, slab: Slab, sweep: Sweep): SessionPool {
  return new SessionPool(
    {
      ...{ name: 'echo', host: '127.0.0.1', port, tls: null, http: 2, connections: 4, streams: 100, waiting: 100 },
      ...{ waitMs: 20_000, idleMs: 20_000, connectMs: 5000, resolveMs: 60_000 },
    },
    {
      ...{ slab, sweep, readBuffer: Buffer.allocUnsafeSlow(65_536) },
      ...{ gauge: nothing, opened: nothing, connectFailed: nothing, retried: nothing, closed: nothing },
    },
  )
}

const waits: Stage = (call, next) => {
  call.firstByteMs = call.idleMs = 20_000
  return next(call)
}

function nothing(): void {
  // Nobody counts here.
}
