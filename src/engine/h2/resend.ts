import { Body } from '../body.ts'
import type { Call } from '../call.ts'
import { Replay } from '../replay.ts'

/**
 * What a call needs to go out once more: the bytes of its body that have been sent, within a bound. A body that is all there when the
 * call goes out, as most are, passes as it is; another one is kept as it passes.
 */
export class Resend {
  /** All of a body that was there; null: there was none, or too much. */
  private readonly kept: Buffer | null
  private readonly isTooMuch: boolean
  private readonly replay: Replay | null = null

  /** Before anything is taken of the call's body. */
  constructor(call: Call) {
    const { outgoing } = call
    const held = outgoing.look()
    this.isTooMuch = held !== null && held.length > mostKept
    this.kept = this.isTooMuch ? null : held
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
    const { replay } = this
    if (replay === null) return this.copy(call)
    const next = replay.next()
    if (next === null) return false
    call.outgoing = next
    return true
  }

  private copy(call: Call): boolean {
    const { kept } = this
    if (this.isTooMuch) return false
    const { length, trailers } = call.outgoing
    const body = new Body(length, null)
    if (kept !== null) body.push(kept, true)
    body.finish(trailers)
    call.outgoing = body
    return true
  }
}

const mostKept = 65_536
