import { pingEvent } from '../claude/errors.ts'
import type { Body, Tap } from '../engine/body.ts'
import type { Stage } from '../engine/call.ts'
import type { Sweep, Timed } from '../engine/sweep.ts'
import { Name } from '../protocol/names.ts'
import { SseScanner } from '../protocol/sse.ts'
import { isEventStream } from './event-stream.ts'

/** Writes `event: ping` into an event stream that has been silent for `everyMs`, between two events only; a coded stream is left alone. */
export function ping(everyMs: number, sweep: Sweep): Stage {
  return async (call, next) => {
    const reply = await next(call)
    if (reply.status === 200 && isEventStream(reply) && !reply.head!.has(Name.contentEncoding)) {
      const pinger = new Pinger(everyMs, sweep)
      pinger.watch(reply.body)
    }
    return reply
  }
}

class Pinger implements Tap, Timed {
  deadline: number
  place = -1
  private body: Body | null = null
  private readonly everyMs: number
  private readonly sweep: Sweep
  private readonly scanner = new SseScanner({ kinds: [], onEvent: () => {}, onSkipped: () => {} })

  constructor(everyMs: number, sweep: Sweep) {
    this.everyMs = everyMs
    this.sweep = sweep
    this.deadline = sweep.now + everyMs
  }

  watch(body: Body): void {
    this.body = body
    this.sweep.add(this)
    this.deadline = this.sweep.now + this.everyMs
    body.tap(this)
    body.onEnd(() => this.sweep.remove(this))
  }

  read(bytes: Buffer): void {
    this.scanner.read(bytes)
    this.deadline = this.sweep.now + this.everyMs
  }

  expire(now: number): void {
    if (this.scanner.isBetweenEvents) this.body?.inject(pingEvent)
    this.deadline = now + this.everyMs
  }
}
