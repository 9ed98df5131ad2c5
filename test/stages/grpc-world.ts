import { Body } from '../../src/engine/body.ts'
import { Reply, type Call, type Next, type Stage } from '../../src/engine/call.ts'
import { framed } from '../../src/protocol/grpc/frames.ts'
import { callOf, FakeSink, FakeSource, headOf, outgoing, written } from '../engine/shapes.ts'

/** A POST of these field lines to a method. */
export function grpcCall(fields: string, body: Body | string | Buffer = ''): Call {
  const made = body instanceof Body ? body : Body.of(Buffer.from(body))
  return callOf(`POST /p.S/M HTTP/1.1\nhost: r\n${fields}`, { body: made })
}

/** What an upstream of gRPC is made to answer. */
export interface Answer {
  readonly status?: number
  /** Field lines besides the content type. */
  readonly fields?: string
  readonly type?: string
  readonly messages?: readonly (string | Buffer)[]
  /** Lines; null: it goes on. */
  readonly trailers?: string | null
}

/** An upstream that takes one call, and what it was asked. */
export class FakeUpstream {
  /** Of the request that went out: its lines, and its body once it is whole. */
  lines: string[] = []
  readonly asked = new FakeSink()
  readonly source = new FakeSource()
  readonly body = new Body(-1, this.source)
  private readonly answer: Answer

  constructor(answer: Answer = {}) {
    this.answer = answer
  }

  readonly next: Next = async (call) => {
    this.lines = outgoing(call)
    call.outgoing.pipe(this.asked)
    const { status = 200, fields = '', type = 'application/grpc', messages = [], trailers = 'grpc-status: 0\r\n' } = this.answer
    for (const message of messages) this.body.push(typeof message === 'string' ? framed(Buffer.from(message)) : message, true)
    if (trailers !== null) this.body.finish(Buffer.from(trailers, 'latin1'))
    const head = headOf(`content-type: ${type}${fields === '' ? '' : `\n${fields}`}`)
    return new Reply(status, head, this.body)
  }
}

/** A reply as its caller gets it. */
export interface Got {
  readonly status: number
  readonly lines: string[]
  readonly sink: FakeSink
  readonly bytes: Buffer
  readonly reply: Reply
}

/** Sends a call through a stage, and reads what comes back. */
export async function through(stage: Stage, call: Call, next: Next): Promise<Got> {
  const reply = await stage(call, next)
  const sink = new FakeSink()
  reply.body.pipe(sink)
  return {
    status: reply.status,
    lines: written(reply),
    sink,
    reply,
    get bytes() {
      return Buffer.from(sink.text, 'latin1')
    },
  }
}

/** The frames that bytes consist of: flags and message. */
export function framesIn(bytes: Buffer): string[] {
  const frames: string[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    frames.push(`${bytes[at]}:${bytes.toString('latin1', at + 5, end)}`)
    at = end
  }
  return frames
}
