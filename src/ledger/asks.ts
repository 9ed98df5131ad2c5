import { RelayError } from '../base/errors.ts'
import type { FromLedgerThread, ToLedgerThread } from './messages.ts'

type Question = Extract<ToLedgerThread, { is: 'spent' | 'flush' }>
type Answer = Extract<FromLedgerThread, { is: 'spent' | 'flushed' }>

/** Questions to the ledger's thread that wait for their answers; a new thread is asked again. */
export interface Asks {
  ask(question: (ask: number) => Question): Promise<Answer>
  answered(answer: Answer): void
  /** Asks a new thread what the last one left unanswered. */
  again(): void
  /** Nobody answers any more. */
  close(): void
}

interface Asked {
  readonly question: Question
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: RelayError) => void
  readonly timer: NodeJS.Timeout
}

export function asks(timeoutMs: number, send: (question: Question) => void): Asks {
  const open = new Map<number, Asked>()
  let last = 0
  const fail = (ask: number, message: string) => {
    const asked = open.get(ask)
    open.delete(ask)
    clearTimeout(asked?.timer)
    asked?.reject(new RelayError('unavailable', message))
  }
  return {
    ask: async (make) => {
      const ask = ++last
      const question = make(ask)
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const timer = setTimeout(() => fail(ask, 'the ledger does not answer'), timeoutMs)
      open.set(ask, { question, resolve, reject, timer })
      send(question)
      return promise
    },
    answered(answer) {
      const asked = open.get(answer.ask)
      open.delete(answer.ask)
      clearTimeout(asked?.timer)
      asked?.resolve(answer)
    },
    again() {
      for (const { question } of open.values()) send(question)
    },
    close() {
      for (const ask of open.keys()) fail(ask, 'the ledger is closed')
    },
  }
}
