import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { stopped, type Call } from './call.ts'

/**
 * Keeps a call waiting in a stage: for room, for bytes, for an answer. `begin` starts the wait, is handed the two ways in which it can
 * end, and gives back what takes it out of wherever it waits; that is called where the wait ends by itself: its caller left, a drain
 * cut the call, or its body broke off. Meanwhile a body is held up to its bound and its caller paused behind it, and no clock of the
 * upstream's runs. What the wait took for the call must be given back in `forget`, or by `call.onEnd`, which tells at once where the
 * call has ended already. A caller that is paused, because it sends more than is held, is not heard meanwhile: that it has left is seen
 * when its body is read again.
 */
// oxlint-disable-next-line promise-function-async -- `async` around a promise is three more turns of the microtask queue a call
export function hold<T>(call: Call, begin: Begin<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = goneFor(call)
    if (gone !== null) return reject(gone)
    let isOver = false
    let forget: (() => void) | null = null
    const over = (): boolean => {
      if (isOver) return false
      isOver = true
      if (call.work === work) call.work = null
      return true
    }
    const breakOff = (error: Error): void => {
      if (!over()) return
      forget?.()
      reject(error)
    }
    // A wait may stand within another one: both end.
    const outer = call.work
    const work = {
      cancel: (end: BodyEnd): void => {
        outer?.cancel(end)
        breakOff(stopped(end))
      },
    }
    call.work = work
    const { body } = call
    // A body that breaks off (its caller is too slow, or sends what is no chunk) ends the wait too.
    if (!body.isComplete) body.onEnd((end, { error }) => (end === 'done' ? undefined : breakOff(error ?? stopped(end))))
    forget = begin(
      (value) => (over() ? resolve(value) : undefined),
      (error) => (over() ? reject(error) : undefined),
    )
  })
}

/** Waits for a promise in the middle of a call; rejects at once when the call is not wanted any more. */
// oxlint-disable-next-line promise-function-async -- as above
export function awaitFor<T>(call: Call, promise: Promise<T>): Promise<T> {
  // Nobody else looks at it then, and a failure that nobody looks at ends the worker.
  if (goneFor(call) !== null) promise.catch(nothing)
  return hold(call, (settle, failed) => {
    promise.then(
      (value) => settle(value),
      (error: unknown) => failed(error instanceof Error ? error : new RelayError('internal', String(error))),
    )
    return nothing
  })
}

/** Why a call is not wanted any more; null: it is. Whoever goes on after a wait of another kind asks this before it looks at the head. */
export function goneFor(call: Call): Error | null {
  if (call.end !== null) return stopped(call.end)
  const { end, error } = call.body
  return end === null || end === 'done' ? null : (error ?? stopped(end))
}

/** Starts a wait; what it returns ends it without a result. */
export type Begin<T> = (done: (value: T) => void, failed: (error: Error) => void) => () => void

function nothing(): void {
  // A promise cannot be called back: its result finds the wait over.
}
