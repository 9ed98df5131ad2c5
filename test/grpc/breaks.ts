import { setImmediate as turn } from 'node:timers/promises'
import { Code, httpOfCode } from '../../src/protocol/grpc/code.ts'
import { isStreamed, message, type Form, type Kind, type Outcome } from './forms.ts'
import { handCaller, type HandCaller, type HandTalk } from './hand-caller.ts'
import type { HandCall, HandUpstream } from './hand-server.ts'
import type { GrpcRelay } from './relay.ts'

/** What happens in a call, one after the other: a message of the caller, its last word, the reply's head, a message of the upstream. */
type Step = 'ask' | 'asked' | 'head' | 'say'

const scripts: Readonly<Record<Kind, readonly Step[]>> = {
  unary: ['ask', 'asked', 'head', 'say'],
  server: ['ask', 'asked', 'head', 'say', 'say', 'say'],
  client: ['ask', 'ask', 'ask', 'asked', 'head', 'say'],
  bidi: ['ask', 'head', 'say', 'ask', 'say', 'ask', 'say', 'asked'],
}

/** Where a call is. */
export interface Place<Call extends HandCall = HandCall> {
  readonly relay: GrpcRelay
  readonly upstream: HandUpstream<Call>
  readonly form: Form
  readonly kind: Kind
  readonly caller: HandCaller
  readonly talk: HandTalk
  /** As the upstream has it; null: it has not heard of it. */
  readonly call: Call | null
  readonly hasAsked: boolean
  readonly hasHead: boolean
  /** Whole messages of the caller, and of the upstream, that went out. */
  readonly asks: number
  readonly said: number
  /** A message of the upstream, or of the caller, stands half. */
  readonly isHalfSaid: boolean
  readonly isHalfAsked: boolean
}

/** What is to come of a call. */
export interface Expected {
  readonly code: number
  /** Of the callers that are told of failures by HTTP, where no head has gone out. */
  readonly http: number
  /** The upstream ends it by the rules of HTTP. */
  readonly isWhole?: boolean
  /** How relay writes the call down. */
  readonly end: RegExp
}

/** A way for a call to go wrong. */
export interface Break<Call extends HandCall = HandCall> {
  readonly name: string
  /** Head fields that are needed for it, in place of a deadline that is never met. */
  readonly fields?: Readonly<Record<string, string>>
  /** Whether it can happen there; left out: wherever the upstream has the call. */
  readonly isAt?: (place: Place<Call>) => boolean
  readonly happen: (place: Place<Call>) => Promise<void>
  /** What its caller is told; null: it is not there any more. */
  readonly expected: (place: Place<Call>) => Expected | null
  /** Has the upstream work as before. */
  readonly after?: (place: Place<Call>) => void
}

/** A relay between callers and an upstream that are both played by hand. */
export interface BreakWorld<Call extends HandCall> {
  readonly relay: GrpcRelay
  readonly upstream: HandUpstream<Call>
  /** Bytes that are held of bodies. */
  readonly held: () => number
}

/**
 * Plays each kind of a form up to each of its steps, and into the middle of each message, and has each break happen there; then a whole
 * call. What did not go as expected, in words.
 */
export async function breakEverywhere<Call extends HandCall>(
  world: BreakWorld<Call>,
  form: Form,
  breaks: readonly Break<Call>[],
): Promise<Broken> {
  const wrong: string[] = []
  let count = 0
  let caller: HandCaller | null = null
  for (const kind of form.kinds) {
    const script = scripts[kind]
    for (const { steps, half } of placesIn(script)) {
      const at = `${form.name}, ${kind}, ${['begun', ...steps].join(' ')}${half === null ? '' : `, half of ${half}`}`
      for (const each of breaks) {
        caller = await openOne(caller, world, form)
        const problem = await inTime(oneBreak(world, new Play(world, form, kind, caller), { steps, half, each }))
        if (problem !== '') wrong.push(`${at}: ${each.name}: ${problem}`)
        if (problem === stuck || wrong.length === mostWrong) return { wrong, count }
        count++
      }
      caller = await openOne(caller, world, form)
      const problem = await inTime(wholeCall(world, new Play(world, form, kind, caller), script))
      if (problem !== '') wrong.push(`${at}: the next call: ${problem}`)
    }
    await caller?.vanish()
    caller = null
  }
  return { wrong, count }
}

/** A connection that can carry a call: the one that is there, or a new one. */
async function openOne(caller: HandCaller | null, { relay }: Leaves, { version }: Form): Promise<HandCaller> {
  return caller !== null && (await caller.isOpen()) ? caller : handCaller(relay.port, version)
}

const stuck = 'it waits for ever'
/** More of them say no more. */
const mostWrong = 8

/** What has not ended after so long never does. */
async function inTime(play: Promise<string>): Promise<string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(stuck), 8000)
  const problem = await Promise.race([play, late.promise])
  clearTimeout(timer)
  return problem
}

/** What came of many breaks. */
export interface Broken {
  readonly wrong: readonly string[]
  readonly count: number
}

interface At {
  readonly steps: readonly Step[]
  /** What stands half behind them. */
  readonly half: 'ask' | 'say' | null
}

function placesIn(script: readonly Step[]): readonly At[] {
  return [...script.keys(), script.length].flatMap((count): At[] => {
    const next = script[count]
    const steps = script.slice(0, count)
    const whole = { steps, half: null }
    return next === 'ask' || next === 'say' ? [whole, { steps, half: next }] : [whole]
  })
}

async function oneBreak<Call extends HandCall>(
  world: BreakWorld<Call>,
  play: Play<Call>,
  { steps, half, each }: At & { readonly each: Break<Call> },
): Promise<string> {
  const { calls } = world.relay
  await play.begin(each.fields ?? patient)
  for (const step of steps) await play.step(step)
  if (half !== null) await play.half(half)
  const place = play.place(half)
  const isAt = each.isAt?.(place) ?? place.call !== null
  if (isAt) await each.happen(place)
  else await place.talk.leave()
  const expected = isAt ? each.expected(place) : null
  const problems: string[] = []
  if (expected !== null) {
    await place.talk.over()
    const outcome = JSON.stringify(place.form.outcome(place.talk.got()))
    const fit = outcomesOf(place, expected).map((one) => JSON.stringify(one))
    if (!fit.includes(outcome)) problems.push(`${outcome}, not ${fit.join(' or ')}`)
  }
  if (isAt) each.after?.(place)
  const left = await leftOf(world)
  if (left !== '') problems.push(`${left} left`)
  if (place.call?.isAsked === true && !place.hasAsked) problems.push('the upstream has what looks like a whole request')
  const end = calls.ends.at(-1) ?? ''
  if (!(expected?.end ?? /^cancelled/).test(end)) problems.push(`it ended ${end}`)
  return problems.join('; ')
}

/** A call that goes well to its end. */
async function wholeCall<Call extends HandCall>(world: BreakWorld<Call>, play: Play<Call>, script: readonly Step[]): Promise<string> {
  await play.begin(patient)
  for (const step of script) await play.step(step)
  const { form, call, said, talk } = play.place(null)
  await call!.finish()
  await talk.over()
  const outcome = JSON.stringify(form.outcome(talk.got()))
  const fit = JSON.stringify({ code: 0, status: 200, messages: said, isWhole: true })
  const left = await leftOf(world)
  return [outcome === fit ? '' : outcome, left].filter((one) => one !== '').join('; ')
}

/** What its caller makes of a call that went wrong there. */
function outcomesOf(
  { form, kind, hasHead, said, isHalfSaid }: Place,
  { code: wanted, isWhole = false, http }: Expected,
): readonly Outcome[] {
  const isStream = isStreamed(kind)
  // A reply that ends within a message is malformed, whatever it says of its end.
  const isMalformed = isWhole && isHalfSaid && isStream && !form.isRaw
  const code = isMalformed ? Code.internal : wanted
  // What stands half cannot be told from the rest of it.
  if (form.isRaw && form.tells === 'frame' && isHalfSaid) return [{ code: -1, status: 200, messages: said, isWhole: false }]
  if (form.tells === 'frame' || form.tells === 'trailers')
    return [{ code, status: 200, messages: form.isRaw || isStream ? said : 0, isWhole: true }]
  const byStatus = { code, status: form.tells === 'code' ? httpOfCode(code) : isMalformed ? 502 : http, messages: 0, isWhole: true }
  const byWords = { code, status: 200, messages: said, isWhole: false }
  if (!isStream || !hasHead) return [byStatus]
  // The head of a stream waits for its first message, but not for ever.
  return said === 0 ? [byStatus, byWords] : [byWords]
}

/** What may have something left. */
export interface Leaves {
  readonly relay: GrpcRelay
  readonly upstream: { readonly open: number }
  readonly held: () => number
}

/** What is not over, in words, when no more changes by itself; empty: nothing. */
export async function leftOf({ relay, upstream, held }: Leaves): Promise<string> {
  const until = performance.now() + 5000
  const left = (): string =>
    [relay.left(), upstream.open === 0 ? '' : `${upstream.open} open upstream`, held() === 0 ? '' : `${held()} bytes held`]
      .filter((one) => one !== '')
      .join(', ')
  while (left() !== '' && performance.now() < until) await turn()
  return left()
}

/** A call as it goes on as long as all is well. */
class Play<Call extends HandCall> {
  private talk: HandTalk | null = null
  private call: Call | null = null
  private asks = 0
  private said = 0
  private hasAsked = false
  private hasHead = false
  private readonly world: BreakWorld<Call>
  private readonly form: Form
  private readonly kind: Kind
  private readonly caller: HandCaller

  constructor(world: BreakWorld<Call>, form: Form, kind: Kind, caller: HandCaller) {
    this.world = world
    this.form = form
    this.kind = kind
    this.caller = caller
  }

  async begin(fields: Readonly<Record<string, string>>): Promise<void> {
    const { form, kind, caller } = this
    this.talk = await caller.begin(paths[kind], { ...form.fields(kind), ...fields })
    if (form.reaches(kind) === 'head') await this.reached()
  }

  async step(step: Step): Promise<void> {
    const { form, kind, talk, world } = this
    switch (step) {
      case 'ask': {
        await talk!.send(form.ask(this.asks++))
        if (form.reaches(kind) === 'first' && this.call === null) await this.reached()
        const { call } = this
        if (call !== null) await world.upstream.until(() => call.heard === this.asks)
        return
      }
      case 'asked': {
        this.hasAsked = true
        await talk!.finish()
        if (this.call === null) await this.reached()
        const call = this.call!
        return world.upstream.until(() => call.isAsked)
      }
      case 'head':
        this.hasHead = true
        await this.call!.head()
        if (form.isRaw || (form.tells === 'trailers' && isStreamed(kind))) await talk!.until(({ status }) => status !== null)
        return
      case 'say': {
        await this.call!.say(message(this.said++))
        if (isStreamed(kind)) await talk!.until((got) => form.outcome(got).messages === this.said)
      }
    }
  }

  half(what: 'ask' | 'say'): Promise<void> {
    if (what === 'say') return this.call!.half(message(this.said))
    const piece = this.form.ask(this.asks)
    return this.talk!.send(piece.subarray(0, piece.length - 2))
  }

  place(half: 'ask' | 'say' | null): Place<Call> {
    const { world, form, kind, caller, talk, call, hasAsked, hasHead, asks, said } = this
    const halves = { isHalfSaid: half === 'say', isHalfAsked: half === 'ask' }
    return { ...world, form, kind, caller, talk: talk!, call, hasAsked, hasHead, asks, said, ...halves }
  }

  private async reached(): Promise<void> {
    this.call = await this.world.upstream.next()
  }
}

const patient = { 'grpc-timeout': '9999S' }

/** The path of each kind of call. */
export const paths: Readonly<Record<Kind, string>> = {
  unary: '/echo.v1.Shop/Once',
  server: '/echo.v1.Shop/Count',
  client: '/echo.v1.Shop/Sum',
  bidi: '/echo.v1.Shop/Chat',
}
