import type { BodyEnd } from '../../base/ends.ts'
import { RelayError } from '../../base/errors.ts'
import { ErrorCode } from '../../protocol/h2/frames.ts'
import { Body } from '../body.ts'
import { Reply } from '../call.ts'
import { acceptanceLine } from './connect-fields.ts'
import { maxFields } from './reply-head.ts'
import { Resend } from './resend.ts'
import { UpstreamStream } from './upstream-stream.ts'

/**
 * A call that wants to go on in another protocol (RFC 8441): once the origin has agreed, the stream is a tunnel, and a 101 to all that
 * stands before it. Either side may end its own direction; where anything breaks, both end.
 */
export class TunnelStream extends UpstreamStream {
  private isOpen = false

  override start(): void {
    const { call, owner } = this
    call.work = this
    call.attempts++
    this.resend = new Resend(call)
    owner.putHead(this.id, call, false)
    this.deadline = owner.now + call.firstByteMs
  }

  override push(bytes: Buffer, isOwned: boolean): boolean {
    if (this.isClosed) return true
    if (!this.isPaused) this.deadline = this.owner.now + this.call.idleMs
    return this.write(bytes, isOwned)
  }

  override finish(): void {
    this.end(none)
  }

  /** What the caller sends broke off, and who sends it knows. */
  override fail(end: BodyEnd, error: RelayError | null): void {
    this.body?.cancel(end, error)
    this.reset(ErrorCode.cancel)
  }

  override ended(end: BodyEnd): void {
    if (end !== 'done') super.ended(end)
  }

  override expire(): void {
    if (!this.isOpen) return super.expire()
    const { owner, call } = this
    this.giveUp('timed_out', new RelayError('timed_out', `nothing came through the tunnel to ${owner.name} for ${call.idleMs} ms`))
  }

  override onDrained(): void {
    this.call.body.resume()
  }

  protected override begin(status: number, length: number, isEnd: boolean): void {
    if (status > 299) return super.begin(status, length, isEnd)
    this.isOpen = true
    const { call, head } = this
    const line = acceptanceLine(call)
    if (line !== null) {
      // The head says it as one of HTTP/1.1 would: whoever asked looks for it there.
      const own = Buffer.concat([head.bytes.subarray(head.start, head.end), line])
      head.parse(own, 0, own.length, maxFields + 1)
    }
    this.answer(new Reply(101, head, new Body(-1, this), { uplink: this }), isEnd)
  }

  protected override endReply(body: Body, trailers: Buffer): void {
    if (this.isOpen) body.finish(none)
    else super.endReply(body, trailers)
  }

  protected override giveUp(end: BodyEnd, error: RelayError, code?: number): void {
    super.giveUp(end, error, code)
    if (this.isOpen) this.call.body.cancel(end, error)
  }
}

const none = Buffer.alloc(0)
