import type { FromWorker } from '../control/messages.ts'
import type { Answers, Question } from '../control/questions.ts'
import { RelayError } from '../base/errors.ts'

/** Asks control, and hears its answers; each question ends within a bound, and no more than so many wait. */
export interface Asking {
  ask<Of extends Question['of']>(question: Extract<Question, { of: Of }>): Promise<Answers[Of]>
  answered(number: number, answer: Answers[keyof Answers]): void
  unanswered(number: number, why: string): void
}

export interface AskingOptions {
  readonly say: (message: FromWorker) => void
  /** How long control may take, in ms. */
  readonly timeoutMs?: number
  /** Questions that may wait at once. */
  readonly most?: number
}

interface Waiting {
  readonly resolve: (answer: Answers[keyof Answers]) => void
  readonly reject: (error: RelayError) => void
  readonly timer: NodeJS.Timeout
}

/** Makes the worker's end. */
export function asking({ say, timeoutMs = 5000, most = 10_000 }: AskingOptions): Asking {
  const waiting = new Map<number, Waiting>()
  let last = 0

  function take(number: number): Waiting | undefined {
    const one = waiting.get(number)
    if (one === undefined) return undefined
    waiting.delete(number)
    clearTimeout(one.timer)
    return one
  }

  return {
    ask: async (question) => {
      if (waiting.size >= most) throw new RelayError('overloaded', `${most} questions wait for control already`, { retryAfterMs: 1000 })
      const number = ++last
      const { promise, resolve, reject } = Promise.withResolvers<Answers[keyof Answers]>()
      const timer = setTimeout(() => {
        waiting.delete(number)
        reject(new RelayError('overloaded', `control did not answer within ${timeoutMs} ms`, { retryAfterMs: 1000 }))
      }, timeoutMs)
      waiting.set(number, { resolve, reject, timer })
      say({ is: 'question', number, question })
      // Control answers a question with the answer of its own kind.
      return (await promise) as Answers[(typeof question)['of']]
    },
    answered: (number, answer) => take(number)?.resolve(answer),
    unanswered: (number, why) => take(number)?.reject(new RelayError('unavailable', why, { retryAfterMs: 1000 })),
  }
}
