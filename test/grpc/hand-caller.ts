import { settle } from '../engine/h2-peer.ts'
import { endHeaders, endStream, data, headers, reset } from '../helpers/h2-frames.ts'
import { rawClient, type RawClient } from '../helpers/raw.ts'
import { rawH2, request, type RawH2 } from '../helpers/raw-h2.ts'

/** What came back of a call so far. */
export interface Got {
  /** null: no head yet. */
  readonly status: number | null
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
  /** Behind the body; empty where there are none. */
  readonly trailers: ReadonlyMap<string, string>
  /** Whether more may come; a whole reply has its end, a cut one will have none. */
  readonly end: 'open' | 'whole' | 'cut'
  /** The code of the reset that cut it, where that was one of HTTP/2. */
  readonly reset: number | null
}

/** A call that a test makes by hand, piece by piece. Each deed resolves when relay has read what was sent. */
export interface HandTalk {
  send(bytes: Buffer): Promise<void>
  finish(): Promise<void>
  /** Breaks the call off in the way of its protocol. */
  leave(): Promise<void>
  got(): Got
  /** Waits until it is so, looked at whenever something comes, or nothing more can come. */
  until(isSo: (got: Got) => boolean): Promise<void>
  /** Waits until nothing more can come. */
  over(): Promise<void>
}

/** A caller's connection, played by hand. */
export interface HandCaller {
  /** Sends the head of a POST. */
  begin(path: string, fields: Readonly<Record<string, string>>): Promise<HandTalk>
  /** Whether it can carry another call. */
  isOpen(): Promise<boolean>
  /** The connection is gone, all at once. */
  vanish(): Promise<void>
}

/** Connects to a relay in one of the versions. */
export async function handCaller(port: number, version: '1.1' | '2'): Promise<HandCaller> {
  return version === '2' ? new Caller2(await rawH2(port)) : new Caller1(await rawClient(port))
}

class Caller2 implements HandCaller {
  private readonly client: RawH2
  private last = -1

  constructor(client: RawH2) {
    this.client = client
  }

  async begin(path: string, fields: Readonly<Record<string, string>>): Promise<HandTalk> {
    const id = (this.last += 2)
    const { client } = this
    await client.send(headers(id, request('POST', path, ...Object.entries(fields)), endHeaders))
    await settle()
    return new Talk2(client, id)
  }

  async isOpen(): Promise<boolean> {
    await settle()
    return !this.client.isEnded && !this.client.socket.destroyed
  }

  async vanish(): Promise<void> {
    this.client.destroy()
    await settle()
  }
}

class Talk2 implements HandTalk {
  private readonly client: RawH2
  private readonly id: number

  constructor(client: RawH2, id: number) {
    this.client = client
    this.id = id
  }

  async send(bytes: Buffer): Promise<void> {
    await this.client.send(data(this.id, bytes))
    await settle()
  }

  async finish(): Promise<void> {
    await this.client.send(data(this.id, '', endStream))
    await settle()
  }

  async leave(): Promise<void> {
    await this.client.send(reset(this.id, 8))
    await settle()
  }

  got(): Got {
    const { client, id } = this
    const [head, trailers] = (client.sections().get(id) ?? []).map((fields) => new Map(fields))
    const code = client.resetOf(id)
    return {
      status: head === undefined ? null : Number(head.get(':status')),
      fields: head ?? none,
      body: Buffer.from(client.body(id), 'latin1'),
      trailers: trailers ?? none,
      end: this.hasEnd ? 'whole' : code !== null || client.isEnded ? 'cut' : 'open',
      reset: code,
    }
  }

  private get hasEnd(): boolean {
    return this.client.frames.some(({ type, flags, stream }) => stream === this.id && type < 2 && (flags & endStream) !== 0)
  }

  async over(): Promise<void> {
    await this.client.until(() => this.hasEnd || this.client.resetOf(this.id) !== null)
  }

  async until(isSo: (got: Got) => boolean): Promise<void> {
    await this.client.until(() => {
      const got = this.got()
      return got.end !== 'open' || isSo(got)
    })
  }
}

class Caller1 implements HandCaller {
  private readonly client: RawClient
  private last: HandTalk | null = null

  constructor(client: RawClient) {
    this.client = client
  }

  async begin(path: string, fields: Readonly<Record<string, string>>): Promise<HandTalk> {
    const { client } = this
    const lines = Object.entries({ host: 'relay.test', 'transfer-encoding': 'chunked', ...fields })
    client.received = ''
    await client.send(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    await settle()
    this.last = new Talk1(client)
    return this.last
  }

  /** A connection carries one call after the other, as long as no reply says that it is the last. */
  async isOpen(): Promise<boolean> {
    await settle()
    const got = this.last?.got()
    return !this.client.isEnded && (got === undefined || (got.end === 'whole' && got.fields.get('connection') !== 'close'))
  }

  async vanish(): Promise<void> {
    const { client } = this
    // A socket that is reset behind its FIN never closes in Node.
    if (client.socket.writableEnded) client.socket.destroy()
    else client.reset()
    await settle()
  }
}

class Talk1 implements HandTalk {
  private readonly client: RawClient

  constructor(client: RawClient) {
    this.client = client
  }

  async send(bytes: Buffer): Promise<void> {
    await this.client.send(`${bytes.length.toString(16)}\r\n${bytes.toString('latin1')}\r\n`)
    await settle()
  }

  async finish(): Promise<void> {
    await this.client.send('0\r\n\r\n')
    await settle()
  }

  async leave(): Promise<void> {
    this.client.socket.end()
    await settle()
  }

  got(): Got {
    const { client } = this
    const { all, rest } = client.replies(['POST'])
    const [whole] = all
    if (whole !== undefined) {
      const trailers = whole.trailers.map((line) => line.split(': ') as [string, string])
      const body = Buffer.from(whole.body, 'latin1')
      const known = { fields: new Map(whole.fields), body, trailers: new Map(trailers) }
      return { status: Number(whole.line[1]), ...known, end: 'whole', reset: null }
    }
    const [head = '', ...body] = rest.split('\r\n\r\n')
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]
    return {
      status: status === undefined ? null : Number(status),
      fields: none,
      body: chunksIn(body.join('\r\n\r\n')),
      trailers: none,
      end: client.isEnded ? 'cut' : 'open',
      reset: null,
    }
  }

  async over(): Promise<void> {
    await this.until(() => false)
  }

  async until(isSo: (got: Got) => boolean): Promise<void> {
    await this.client.until(() => {
      const got = this.got()
      return got.end !== 'open' || isSo(got)
    })
  }
}

/** What whole chunks there are, of a body that has not ended. */
function chunksIn(text: string): Buffer {
  const pieces: string[] = []
  for (let at = 0; ;) {
    const line = text.indexOf('\r\n', at)
    const size = line < 0 ? Number.NaN : Number.parseInt(text.slice(at, line), 16)
    if (Number.isNaN(size) || line + 4 + size > text.length) return Buffer.from(pieces.join(''), 'latin1')
    pieces.push(text.slice(line + 2, line + 2 + size))
    at = line + 4 + size
  }
}

const none: ReadonlyMap<string, string> = new Map()
