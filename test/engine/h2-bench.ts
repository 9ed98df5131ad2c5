import { once } from 'node:events'
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { BodyEnd } from '../../src/base/ends.ts'
import { RelayError } from '../../src/base/errors.ts'
import { Body, type Sink } from '../../src/engine/body.ts'
import type { Call, Reply } from '../../src/engine/call.ts'
import { SessionPool } from '../../src/engine/h2/session-pool.ts'
import type { PoolOptions } from '../../src/engine/pool-options.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep, type Timed } from '../../src/engine/sweep.ts'
import { Watched, type Told } from './helpers.ts'
import { callOf, FakeSource } from './shapes.ts'

/** A call that a test sends through the pool, and what comes back. */
export class Asked extends Watched implements Sink {
  readonly call: Call
  readonly source = new FakeSource()
  /** Its request's body, where the test feeds it. */
  readonly upload: Body
  reply: Reply | null = null
  error: RelayError | null = null
  text = ''
  received = 0
  trailers: string | null = null
  end: BodyEnd | null = null
  /** Informational heads that came before. */
  readonly informed: string[] = []
  /** While it is set, the reader takes no more. */
  isFull = false

  constructor(head: string, body: string | Buffer | null, length = -1) {
    super()
    this.upload = body === null ? new Body(length, this.source) : Body.of(Buffer.from(body as string))
    this.call = callOf(head, { body: this.upload })
    this.call.firstByteMs = this.call.idleMs = 20_000
    this.call.informed = {
      inform: (status, fields) => {
        const lines = Array.from({ length: fields.count }, (_, k) => `${fields.name(k)}: ${fields.value(k)}`)
        this.informed.push([status, ...lines].join(' '))
        this.changed()
      },
    }
  }

  /** The reply's head has come, or the call failed. */
  async answered(): Promise<Reply> {
    await this.until(() => this.reply !== null || this.error !== null)
    if (this.error !== null) throw this.error
    return this.reply!
  }

  /** The failure that comes in place of a reply. */
  async failed(): Promise<RelayError> {
    await this.until(() => this.reply !== null || this.error !== null)
    if (this.error === null) throw new Error(`it was answered with ${this.reply!.status}`)
    return this.error
  }

  /** All of the reply. */
  async whole(): Promise<this> {
    const { body } = await this.answered()
    if (this.end === null && this.trailers === null) body.pipe(this)
    await this.until(() => this.end !== null)
    return this
  }

  get status(): number {
    return this.reply?.status ?? 0
  }

  /** A field of the reply; null: it has none. */
  field(name: string): string | null {
    return this.reply?.head?.values(name).join(' | ') || null
  }

  push(bytes: Buffer): boolean {
    this.received += bytes.length
    if (this.text.length < 100_000) this.text += bytes.toString('latin1')
    this.changed()
    return !this.isFull
  }

  finish(trailers: Buffer): void {
    this.trailers = trailers.toString('latin1')
    this.end = 'done'
    this.changed()
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.end = end
    this.error = error
    this.changed()
  }
}

/** Time that a test lets pass: deadlines are met when it says so. */
export class HandSweep {
  now = 1_000_000
  private readonly all = new Set<Timed>()

  add(timed: Timed): void {
    timed.place = 0
    this.all.add(timed)
  }

  remove(timed: Timed): void {
    timed.place = -1
    this.all.delete(timed)
  }

  /** Lets so many ms pass. */
  pass(ms: number): void {
    this.now += ms
    for (const timed of [...this.all]) if (timed.deadline < this.now) timed.expire(this.now)
  }
}

/** A pool of sessions to an origin on this machine, and what it told of itself. */
export interface SessionBench {
  readonly pool: SessionPool
  readonly told: Readonly<Told>
  readonly watched: Watched
  /** Sends a call with this head (`GET /` and a Host where it is left out); a null body is fed by the test. */
  readonly ask: (head?: string, body?: string | Buffer | null, change?: (asked: Asked) => void) => Asked
}

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** Makes one. It ends with the test, whose calls must have ended by then. */
export function sessionBench(t: Scope, options: Partial<PoolOptions> & { readonly port: number }, sweep = new Sweep()): SessionBench {
  const watched = new Watched()
  const told: Told = { open: 0, idle: 0, waiting: 0, opened: 0, connectFailed: 0, retried: 0, closed: 0 }
  const count = (what: 'opened' | 'connectFailed' | 'retried' | 'closed') => (): void => {
    told[what]++
    watched.changed()
  }
  const pool = new SessionPool(
    {
      name: 'origin',
      host: '127.0.0.1',
      tls: null,
      http: 2,
      connections: 4,
      streams: 100,
      waiting: 1024,
      waitMs: 20_000,
      idleMs: 20_000,
      connectMs: 20_000,
      resolveMs: 60_000,
      ...options,
    },
    {
      slab: new Slab(),
      sweep,
      readBuffer: Buffer.allocUnsafeSlow(65_536),
      gauge: (open, idle, waiting) => {
        Object.assign(told, { open, idle, waiting })
        watched.changed()
      },
      opened: count('opened'),
      connectFailed: count('connectFailed'),
      retried: count('retried'),
      closed: count('closed'),
    },
  )
  t.teardown(() => pool.close())
  return {
    pool,
    told,
    watched,
    ask(head = 'GET / HTTP/1.1\nHost: relay', body = '', change = () => {}) {
      const asked = new Asked(head, body)
      change(asked)
      pool.dispatch(asked.call).then(
        (reply) => {
          asked.reply = reply
          asked.changed()
        },
        (error: unknown) => {
          asked.error = error instanceof RelayError ? error : new RelayError('internal', String(error), { cause: error })
          asked.changed()
        },
      )
      return asked
    },
  }
}

/** An origin made of Node's own HTTP/2. */
export interface NodeOrigin extends Watched {
  readonly port: number
  readonly server: Http2Server
  readonly sessions: readonly ServerHttp2Session[]
}

/** Starts one whose streams are answered by `answer`. */
export async function nodeOrigin(
  t: Scope,
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: Parameters<typeof createServer>[0] = {},
): Promise<NodeOrigin> {
  const watched = new Watched()
  const sessions: ServerHttp2Session[] = []
  const server = createServer(settings)
  server.on('session', (session: ServerHttp2Session) => {
    sessions.push(session)
    session.on('error', () => {})
    watched.changed()
  })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    answer(stream, headers)
    watched.changed()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    for (const session of sessions) session.destroy()
    server.close()
    await closed
  })
  return Object.assign(watched, { port: (server.address() as AddressInfo).port, server, sessions })
}
