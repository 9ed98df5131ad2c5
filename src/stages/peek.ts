import { namesModel } from '../claude/endpoints.ts'
import type { Asked, Call, Next, Reply, Stage } from '../engine/call.ts'
import { outgoingPath } from './aim.ts'
import { askedFields, askedOf, doubledField, notAsked } from './peek-asked.ts'
import { codingOf, readCoded } from './peek-coded.ts'
import { readOn } from './peek-more.ts'
import type { PeekOptions } from './peek-rules.ts'

/**
 * Reads what a call asks for from the beginning of its body, which goes on unchanged: `model` and `max_tokens`, at the top level only. A
 * body that says one of them twice is refused, wherever the second stands: it is looked for to the body's end, as the bytes pass, so that
 * the upstream never has such a body whole. A coded one is read whole before any of it goes on, because its decoder lags behind.
 */
export function peek(options: PeekOptions): Stage {
  const rules = { modelOnly: false, owner: null, wantsWhole: false, most: mebibyte, mostDecoded: 32 * mebibyte, ...options }
  const { reads } = rules
  return (call, next) => {
    const { body, head } = call
    // A stage that has put another body in its place knows what that asks for.
    if (call.outgoing !== body || wasReadWhole(call)) return next(call)
    if (head.method !== 'POST' || (reads === 'messages' && !namesModel(outgoingPath(call)))) return next(call)
    if (body.length === 0) return nextWith(call, notAsked(0), next)
    const coding = codingOf(call)
    if (coding !== null) return readCoded(call, { coding, rules, next })
    const held = body.look()
    return body.isComplete && held !== null ? readWhole(call, held, next) : readOn(call, rules, next)
  }
}

/** Its route was found by what its body says. */
function wasReadWhole({ asked }: Call): boolean {
  return asked !== null && asked.body !== null
}

/** A body that is all there: read where it lies, without a copy or a promise. */
// oxlint-disable-next-line promise-function-async -- on the path of nearly every call
function readWhole(call: Call, bytes: Buffer, next: Next): Promise<Reply> {
  shared.reset()
  shared.read(bytes)
  if (shared.doubled !== null) return Promise.reject(doubledField(shared.doubled))
  return nextWith(call, askedOf(shared, bytes.length, bytes), next)
}

// oxlint-disable-next-line promise-function-async -- as above
function nextWith(call: Call, asked: Asked, next: Next): Promise<Reply> {
  call.asked = asked
  return next(call)
}

const mebibyte = 1_048_576
/** Nothing waits while it reads: one for all calls of the worker. */
const shared = askedFields()
