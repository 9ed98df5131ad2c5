import { Body } from '../body.ts'
import type { Call } from '../call.ts'
import { Replay } from '../replay.ts'

/**
 * What a call needs to go out once more: the bytes of its body that have been sent, within a bound. A body that is all there when the
 * call goes out, as most are, passes as it is; another one is kept as it passes.
 */
export class Resend {
  private readonly kept: Buffer | null
  private readonly replay: Replay | null = null

  /** Before anything is taken of the call's body. */
  constructor(call: Call) {
    const { outgoing } = call
    this.kept = outgoing.look()
    if (outgoing.isComplete) return
    this.replay = new Replay(outgoing, mostKept)
    call.outgoing = this.replay.next() ?? outgoing
  }

  /** Nobody will ask any more. */
  letGo(): null {
    this.replay?.letGo()
    return null
  }

  /** Gives the call a body that begins with its first byte again; false: not all of it is there. */
  renew(call: Call): boolean {
    const { kept, replay } = this
    if (replay === null) return this.copy(call, kept)
    const next = replay.next()
    if (next === null) return false
    call.outgoing = next
    return true
  }

  private copy(call: Call, kept: Buffer | null): boolean {
    if (kept !== null && kept.length > mostKept) return false
    const { length, trailers } = call.outgoing
    const body = new Body(length, null)
    if (kept !== null) body.push(kept, true)
    body.finish(trailers)
    call.outgoing = body
    return true
  }
}

const mostKept = 65_536
