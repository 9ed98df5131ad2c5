import type { Log } from '../base/log.ts'
import type { FromWorker } from '../control/messages.ts'
import type { Answers, Question } from '../control/questions.ts'
import type { LeaseOutcome, LeaseWish } from '../limits/lease/wish.ts'
import type { Tenant } from '../base/tenant.ts'
import type { WorkerThread } from './worker-thread.ts'

/** Who knows the answers to what workers ask. */
export interface Knowing {
  readonly tenant: (id: number) => Promise<Tenant | null>
  readonly slots: (keys: readonly string[]) => Promise<readonly number[]>
  readonly leases: (wishes: readonly LeaseWish[]) => Promise<readonly LeaseOutcome[]>
}

/** Answers a worker's question; one that cannot be answered is logged, and its call refused. */
export function answerer(knowing: Knowing, log: Log): (thread: WorkerThread, asked: Extract<FromWorker, { is: 'question' }>) => void {
  return (thread, { number, question }) => {
    answerTo(knowing, question).then(
      (answer) => thread.tell({ is: 'answer', question: number, answer }),
      (error: unknown) => {
        log.error({ error, of: question.of }, `a question of worker ${thread.index} could not be answered`)
        thread.tell({ is: 'unanswered', question: number, why: whys[question.of] })
      },
    )
  }
}

/** What a caller is told. */
const whys: Readonly<Record<Question['of'], string>> = {
  tenant: 'the tenants cannot be read right now',
  slots: 'the limits cannot be read right now',
  leases: 'the limits cannot be asked right now',
}

async function answerTo(knowing: Knowing, question: Question): Promise<Answers[keyof Answers]> {
  switch (question.of) {
    case 'tenant':
      return knowing.tenant(question.id)
    case 'slots':
      return knowing.slots(question.keys)
    case 'leases':
      return knowing.leases(question.wishes)
  }
}
