import { RelayError } from '../base/errors.ts'
import { isDecodable, sideDecoder, type SideDecoder } from '../claude/decode.ts'
import { maxHeld, type Tap } from '../engine/body.ts'
import type { Asked, Call, Next, Reply } from '../engine/call.ts'
import { hold } from '../engine/hold.ts'
import { Name } from '../protocol/names.ts'
import type { TopFields } from '../protocol/top-fields.ts'
import { askedFields, askedOf, doubledField, notAsked } from './peek-asked.ts'
import { Held, tellToContinue } from './peek-more.ts'
import type { PeekRules } from './peek-rules.ts'

/** What a call's body is coded in; null: it is not. */
export function codingOf({ head: { fields } }: Call): string | null {
  if (!fields.has(Name.contentEncoding)) return null
  if (fields.isDoubled(Name.contentEncoding)) return 'several'
  const coding = fields.text(Name.contentEncoding)!.toLowerCase()
  return coding === 'identity' || coding === '' ? null : coding
}

/** What reading a coded body needs. */
export interface CodedOptions {
  readonly coding: string
  readonly rules: PeekRules
  readonly next: Next
}

/** Decodes a body beside the call and reads it, all of it before the call goes on. What is coded in another way passes unread. */
export async function readCoded(call: Call, { coding, rules, next }: CodedOptions): Promise<Reply> {
  const { body } = call
  if (isDecodable(coding)) call.asked = await new CodedReader(call, coding, rules).wait()
  else call.asked = notAsked(Math.max(body.length, body.received))
  return next(call)
}

/** The coded bytes are held, and decoded beside; what comes of them is read and let go. */
class CodedReader implements Tap {
  private readonly call: Call
  private readonly rules: PeekRules
  private readonly held: Held
  private readonly fields: TopFields = askedFields()
  private readonly decoder: SideDecoder
  /** What is decoded, where all of it is wanted and there is room for it. */
  private pieces: Buffer[] | null
  private decoded = 0
  private isOver = false
  private failed: (error: Error) => void = () => {}

  constructor(call: Call, coding: string, rules: PeekRules) {
    this.call = call
    this.rules = rules
    this.held = new Held(call, rules)
    this.pieces = rules.wantsWhole ? [] : null
    const reader = { read: (bytes: Buffer): void => this.readDecoded(bytes), end: (): void => {} }
    this.decoder = sideDecoder(coding, reader, { maxDecoded: Infinity, maxQueued: Infinity })
  }

  async wait(): Promise<Asked> {
    const { call, rules } = this
    const { body } = call
    if (body.length > rules.most) throw tooLong(rules.most)
    if (!body.isComplete) tellToContinue(call)
    const waited = hold<Asked>(call, (done, failed) => {
      this.failed = failed
      body.tap(this)
      body.verify(() => {
        void this.finish(done)
        return null
      })
      return () => this.stop()
    })
    // One more, so that a body of just so many bytes is not paused before its end.
    body.holdUpTo(rules.most + 1)
    return waited
  }

  read(bytes: Buffer): void {
    if (this.isOver) return this.held.passed()
    const refused = this.call.body.received > this.rules.most ? tooLong(this.rules.most) : this.held.take(bytes.length)
    if (refused === null) this.decoder.read(bytes)
    else this.fail(refused)
  }

  private readDecoded(bytes: Buffer): void {
    if (this.isOver) return
    this.decoded += bytes.length
    if (this.decoded > this.rules.mostDecoded) return this.fail(bomb(this.rules.mostDecoded))
    this.fields.read(bytes)
    if (this.fields.doubled !== null) return this.fail(doubledField(this.fields.doubled))
    const isKept = this.pieces !== null && this.decoded <= this.rules.most && this.held.take(bytes.length) === null
    if (isKept) this.pieces?.push(bytes)
    else this.pieces = null
  }

  private async finish(done: (asked: Asked) => void): Promise<void> {
    await this.decoder.end()
    if (this.isOver) return
    this.isOver = true
    const { body } = this.call
    body.holdUpTo(maxHeld)
    if (this.decoder.isUnread || !this.fields.isComplete) done(notAsked(body.received))
    else done(askedOf(this.fields, this.decoded, this.pieces === null ? null : Buffer.concat(this.pieces)))
  }

  private fail(error: RelayError): void {
    if (this.isOver) return
    this.stop()
    this.failed(error)
    this.call.body.fail('failed', error)
  }

  private stop(): void {
    this.isOver = true
    this.decoder.close()
    this.held.release()
  }
}

function tooLong(most: number): RelayError {
  return new RelayError(
    'too_large',
    `a coded request body may have ${most} bytes here: send a longer one uncoded, or have bounds.peek raised in the config of relay`,
  )
}

function bomb(most: number): RelayError {
  return new RelayError('too_large', `the request body has more than ${most} bytes when it is decoded`)
}
