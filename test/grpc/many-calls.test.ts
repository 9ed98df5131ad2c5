import { queryObjects } from 'node:v8'
import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import { Call } from '../../src/engine/call.ts'
import { settle } from '../engine/h2-peer.ts'
import { grpcBreakWorld } from './breaks-world.ts'
import { leftOf, paths } from './breaks.ts'
import { connects, grpc, isStreamed, isStreaming, jsons, message, webs, type Form, type Kind } from './forms.ts'
import { handCaller, type HandCaller, type HandTalk } from './hand-caller.ts'
import type { HandStream } from './hand-server.ts'

const lanes = 16
const forms = [grpc, grpc, ...webs, ...connects, ...jsons]

/** What becomes of a call, as its caller tells the upstream; a third of all callers leave, and all those whom nothing more comes to. */
const fates = ['ok', 'ok', 'ok', 'status', 'reset', 'cut', 'hang', 'mute', 'late', 'gone'] as const
type Fate = (typeof fates)[number]

t.test('two thousand calls of all kinds, of which half go wrong or are left somewhere, leave nothing behind', async (t) => {
  const world = await grpcBreakWorld(t)
  const dice = diceOf(11)
  world.upstream.taker = (call) => void answer(call, async (isSo) => world.upstream.until(isSo))
  await many(world, 300, dice)
  const before = held()

  const ends = await many(world, 2000, dice)

  const after = held()
  t.strictSame([after.calls, after.bodies], [0, 0])
  t.ok(after.bytes - before.bytes < 1_048_576, `${before.bytes} bytes in buffers before, ${after.bytes} after`)
  t.strictSame(world.relay.bugs, [])
  t.ok(ends.whole > 600 && ends.cut > 100 && ends.left > 400, JSON.stringify(ends))
})

type World = Awaited<ReturnType<typeof grpcBreakWorld>>
type Ends = Record<'whole' | 'cut' | 'left', number>

/** Makes so many calls, and waits until nothing of them is left. */
async function many(world: World, count: number, dice: Dice): Promise<Ends> {
  const ends: Ends = { whole: 0, cut: 0, left: 0 }
  let rest = count
  const lane = async (): Promise<void> => {
    let caller: HandCaller | null = null
    let version = ''
    while (rest-- > 0) {
      const form = forms[dice(forms.length)]!
      if (caller === null || version !== form.version || dice(10) === 0 || !(await caller.isOpen())) {
        await caller?.vanish()
        caller = await handCaller(world.relay.port, form.version)
        version = form.version
      }
      ends[await oneCall(caller, form, dice)]++
    }
    await caller?.vanish()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const left = await leftOf(world)
  if (left !== '') throw new Error(`${left} left`)
  world.upstream.forget()
  return ends
}

async function oneCall(caller: HandCaller, form: Form, dice: Dice): Promise<keyof Ends> {
  const kind = form.kinds[dice(form.kinds.length)]!
  const fate = fates[dice(fates.length)]!
  const asks = isStreaming(kind) ? 3 : 1
  const isWaiting = fate === 'hang' || fate === 'mute'
  const leavesAfter = dice(3) === 0 ? dice(asks + 2) : isWaiting ? asks + 1 : Infinity
  const timeout = fate === 'late' ? '20m' : '9999S'
  const talk = await caller.begin(paths[kind], { ...form.fields(kind), 'x-fate': fate, 'grpc-timeout': timeout })
  for (let k = 0; k < asks; k++) {
    if (leavesAfter === k) return leave(caller, talk, dice)
    await talk.send(form.ask(k))
  }
  if (leavesAfter === asks) return leave(caller, talk, dice)
  await talk.finish()
  if (leavesAfter > asks + 1) {
    await talk.over()
    return talk.got().end === 'whole' ? 'whole' : 'cut'
  }
  await settle(dice(20))
  return leave(caller, talk, dice)
}

async function leave(caller: HandCaller, talk: HandTalk, dice: Dice): Promise<'left'> {
  if (dice(2) === 0) await talk.leave()
  else await caller.vanish()
  return 'left'
}

/** What the upstream does with a call. */
async function answer(call: HandStream, until: (isSo: () => boolean) => Promise<void>): Promise<void> {
  const fate = call.fields.get('x-fate') as Fate
  await until(() => call.isAsked || call.isOver)
  if (call.isOver || fate === 'mute' || fate === 'late') return
  const kind = (Object.keys(paths) as Kind[]).find((kind) => paths[kind] === call.fields.get(':path'))!
  await call.head()
  for (let k = 0; k < (isStreamed(kind) ? 3 : 1); k++) {
    if (call.isOver) return
    await call.say(message(k))
    if (k === 0 && fate === 'hang') return
    if (k === 0 && fate === 'gone') return void call.socket.resetAndDestroy()
  }
  if (call.isOver) return
  if (fate === 'status') await call.trailers(['grpc-status', '5'])
  else if (fate === 'reset') await call.reset(2)
  else if (fate === 'cut') await call.half(message(9)).then(() => call.endBare())
  else await call.finish()
}

/** What there is of calls and of what passes through them, and of buffers, after all that can go has gone. */
function held(): { readonly calls: number; readonly bodies: number; readonly bytes: number } {
  const [calls, bodies] = [Call, Body].map((kind) => Number(queryObjects(kind)))
  return { calls: calls!, bodies: bodies!, bytes: process.memoryUsage().arrayBuffers }
}

/** Numbers below a bound, the same at every run. */
type Dice = (sides: number) => number

function diceOf(seed: number): Dice {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * sides)
  }
}
