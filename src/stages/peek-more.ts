import { RelayError } from '../base/errors.ts'
import { maxHeld, type Tap } from '../engine/body.ts'
import type { Call, Next, Reply } from '../engine/call.ts'
import { hold } from '../engine/hold.ts'
import { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'
import type { TopFields } from '../protocol/top-fields.ts'
import { askedFields, askedOf, doubledField, isKnown, isModelKnown } from './peek-asked.ts'
import type { PeekRules } from './peek-rules.ts'

/** Reads a body that still comes, until what it asks for is known; the rest is watched for doubles as it passes. */
// oxlint-disable-next-line promise-function-async -- a body whose beginning says it all is not waited for
export function readOn(call: Call, rules: PeekRules, next: Next): Promise<Reply> {
  const reader = new BeginningReader(call, rules)
  const refused = reader.begin()
  if (refused !== null) return Promise.reject(refused)
  return reader.isWaiting ? readLater(call, reader, next) : next(call)
}

async function readLater(call: Call, reader: BeginningReader, next: Next): Promise<Reply> {
  await reader.wait()
  return next(call)
}

/** What a call's body holds of the process's budget, from its first byte until it has been handed on. */
export class Held {
  private bytes = 0
  private readonly call: Call
  private readonly rules: PeekRules
  private readonly owner: string | undefined

  constructor(call: Call, rules: PeekRules) {
    this.call = call
    this.rules = rules
    // As it is now: whose call it is may be found out while bytes of it are held.
    this.owner = rules.owner ?? call.tenant?.name
    call.body.onEnd(() => this.release())
  }

  /** More of it is held; what is wrong where there is no room for it. */
  take(bytes: number): RelayError | null {
    if (!this.rules.budget.take(bytes, this.owner)) return noRoom()
    this.bytes += bytes
    return null
  }

  /** Bytes come after the reading: those before them may have gone. */
  passed(): void {
    if (this.bytes > 0 && this.call.body.look() === null) this.release()
  }

  release(): void {
    this.rules.budget.give(this.bytes, this.owner)
    this.bytes = 0
  }
}

/** Tells a caller that waits for it to send its body: it is read here, before there is an upstream that could say so. */
export function tellToContinue(call: Call): void {
  if (!call.head.fields.has(Name.expect)) return
  call.edits.drop(1 << Name.expect)
  call.informed?.inform(100, noFields)
}

/** Reads the beginning of a body while it is held, and then on as it passes. */
class BeginningReader implements Tap {
  isWaiting = true
  private readonly call: Call
  private readonly rules: PeekRules
  private readonly fields: TopFields = askedFields()
  private readonly held: Held
  private failure: RelayError | null = null
  private settle: { done(value: undefined): void; failed(error: Error): void } | null = null

  constructor(call: Call, rules: PeekRules) {
    this.call = call
    this.rules = rules
    this.held = new Held(call, rules)
  }

  /** Reads what has come; what is wrong with it, or null. */
  begin(): RelayError | null {
    const { body } = this.call
    body.tap(this)
    return this.failure
  }

  async wait(): Promise<void> {
    const { call, rules } = this
    const { body } = call
    tellToContinue(call)
    const waited = hold<undefined>(call, (done, failed) => {
      this.settle = { done, failed }
      return () => (this.isWaiting = false)
    })
    body.verify(() => {
      if (this.isWaiting) this.finish(true)
      return null
    })
    body.holdUpTo(rules.most)
    await waited
  }

  read(bytes: Buffer): void {
    const { fields } = this
    if (!fields.isOver) fields.read(bytes)
    if (fields.doubled !== null) this.fail(doubledField(fields.doubled))
    else if (this.isWaiting) this.readHeld(bytes)
    else this.held.passed()
  }

  private readHeld(bytes: Buffer): void {
    const { call, rules } = this
    const { body } = call
    const refused = this.held.take(bytes.length)
    if (refused !== null) return this.fail(refused)
    if (this.fields.isOver || this.isEnough || body.received >= rules.most) this.finish(false)
  }

  private get isEnough(): boolean {
    const { call, fields, rules } = this
    if (rules.modelOnly) return isModelKnown(fields)
    // Where its length is not known, its end tells: an estimate rests on it.
    return !rules.wantsWhole && call.body.length >= 0 && isKnown(fields)
  }

  private finish(isWhole: boolean): void {
    const { body } = this.call
    this.isWaiting = false
    body.holdUpTo(maxHeld)
    this.call.asked = askedOf(this.fields, Math.max(body.length, body.received), isWhole ? body.look() : null)
    this.settle?.done(undefined)
  }

  private fail(error: RelayError): void {
    if (this.failure !== null) return
    this.failure = error
    this.isWaiting = false
    this.settle?.failed(error)
    // Whoever has begun to send it learns it from the body's end: the upstream never has all of it.
    this.call.body.fail('failed', error)
  }
}

function noRoom(): RelayError {
  return new RelayError('overloaded', 'too many request bodies are being read at once: try again', {
    retryAfterMs: 1000,
    shouldRetry: true,
  })
}

const noFields = new Head()
