import type { Body } from '../engine/body.ts'
import type { Call } from '../engine/call.ts'
import { converted, type Converter, type Out, type Room } from '../engine/convert.ts'
import { awaitFor } from '../engine/hold.ts'
import { Deframer, frameError } from '../protocol/grpc/frames.ts'
import type { HttpRequest, Method } from '../transcode/types.ts'
import { sentHead } from './grpc-head.ts'
import { plainMessage } from './grpc-messages.ts'
import { withStream } from './grpc-stream-field.ts'

/** What goes out for a call that streams its messages: the first says where to, each is a line of JSON (or a piece of raw bytes). */
export async function streamedJson(
  call: Call,
  method: Method,
  { mostMessage }: { readonly mostMessage: number },
): Promise<{ readonly request: HttpRequest; readonly outgoing: Body }> {
  const lines = new MessageLines(call, method, mostMessage)
  const outgoing = converted(call.outgoing, lines)
  const request = await awaitFor(call, lines.first.promise)
  const isJson = request.contentType?.startsWith('application/json') ?? false
  return { request: { ...request, contentType: isJson ? 'application/x-ndjson' : request.contentType }, outgoing }
}

class MessageLines implements Converter {
  readonly first = Promise.withResolvers<HttpRequest>()
  private hasBegun = false
  private readonly method: Method
  private readonly deframer: Deframer
  private out: Out | null = null

  constructor(call: Call, method: Method, most: number) {
    this.method = method
    const head = sentHead(call)
    const onMessage = (message: Buffer, flags: number): void => this.message(plainMessage({ message, flags, head, most, from: 'caller' }))
    this.deframer = new Deframer({ most, from: 'caller', onMessage })
  }

  read(bytes: Buffer, out: Room): void {
    this.out = out
    const refused = this.deframer.read(bytes, out)
    if (refused !== null) throw this.failed(frameError(refused))
  }

  end(_trailers: Buffer, out: Out): Buffer {
    this.out = out
    const refused = this.deframer.end()
    if (refused !== null) throw this.failed(frameError(refused))
    // No message is an empty one: the call goes out all the same.
    if (!this.hasBegun) this.first.resolve(this.method.toHttp(withStream(this.method, none)))
    return none
  }

  private message(message: Buffer): void {
    if (this.hasBegun) return this.push(this.method.toHttpBody(message)?.bytes ?? none)
    this.hasBegun = true
    try {
      const request = this.method.toHttp(withStream(this.method, message))
      this.push(request.body ?? none)
      this.first.resolve(request)
    } catch (error) {
      throw this.failed(error)
    }
  }

  private push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.out!.push(bytes, true)
    this.out!.push(newline, true)
  }

  private failed(error: unknown): unknown {
    this.first.reject(error)
    return error
  }
}

const none = Buffer.alloc(0)
const newline = Buffer.from('\n')
