import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../base/log.ts'
import type { DrainPlan } from '../config/plan.ts'
import type { Cut, StopStep } from '../control/api.ts'
import type { FromWorker } from '../control/messages.ts'
import type { Answer, WorkerThread } from './worker-thread.ts'

/** How a relay ended: 3 when something was cut. */
export type Stopped = Extract<StopStep, { is: 'stopped' }>

/** The parts of a relay that a drain moves. */
export interface DrainParts {
  readonly plan: () => DrainPlan
  readonly workers: () => readonly WorkerThread[]
  readonly connections: () => number
  readonly closeListeners: () => void
  /** Each step, in order. */
  readonly step: (step: StopStep) => void
  readonly log: Log
  /** What a drain may take beyond its graces, in ms. */
  readonly margin: number
}

/** One drain: begun again it is the same one. */
export interface Drain {
  /** `delay` null: as configured. */
  begin(delay: number | null): Promise<Stopped>
  /** Now: what is open is cut. */
  readonly cut: () => void
}

/** `/readyz` off, accepting for a while, listeners closed, calls and streams given their grace, the rest cut. Every wait has an end. */
export function drain(parts: DrainParts): Drain {
  const now = new AbortController()
  let running: Promise<Stopped> | null = null
  return {
    begin: async (delay) => {
      running ??= run(parts, delay ?? parts.plan().delay, now.signal)
      return running
    },
    cut: () => now.abort(),
  }
}

async function run(parts: DrainParts, delay: number, now: AbortSignal): Promise<Stopped> {
  const { grace, streamGrace } = parts.plan()
  announce(parts, { is: 'closing', delay })
  for (const worker of parts.workers()) worker.tell({ is: 'closing' })
  await quiet(sleep(delay, undefined, { signal: now }))
  parts.closeListeners()
  announce(parts, { is: 'draining', connections: parts.connections(), grace, streamGrace })
  const longest = Math.max(grace, streamGrace) + parts.margin
  const workers = parts.workers()
  const answers = workers.map((worker) => worker.ask({ is: 'drain', grace, streamGrace }, isDrained, longest))
  const cut = sum(await settle(parts, answers, now))
  const stopped: Stopped = { is: 'stopped', exit: cut.calls + cut.streams + cut.unknown > 0 ? 3 : 0, cut }
  announce(parts, stopped)
  return stopped
}

/** Waits for every worker; after `now` only for as long as a cut may take. */
async function settle(parts: DrainParts, answers: readonly Promise<Answer>[], now: AbortSignal): Promise<readonly Answer[]> {
  const tick = setInterval(() => parts.step({ is: 'waiting', connections: parts.connections() }), 1000)
  const all = Promise.all(answers)
  try {
    await Promise.race([all, aborted(now)])
    if (!now.aborted) return await all
    announce(parts, { is: 'cutting', connections: parts.connections() })
    for (const worker of parts.workers()) worker.tell({ is: 'cut' })
    const late = sleep(parts.margin, { is: 'silent' } as const, { ref: false })
    return await Promise.all(answers.map((answer) => Promise.race([answer, late])))
  } finally {
    clearInterval(tick)
  }
}

function announce({ log, step }: DrainParts, what: StopStep): void {
  const { is, ...fields } = what
  log.info({ phase: is, ...fields }, `drain: ${is}`)
  step(what)
}

function isDrained(answer: FromWorker): boolean {
  return answer.is === 'drained'
}

function sum(answers: readonly Answer[]): Cut {
  const said = answers.flatMap((one) => (one.is === 'said' && one.answer.is === 'drained' ? [one.answer.cut] : []))
  return {
    calls: said.reduce((total, cut) => total + cut.calls, 0),
    streams: said.reduce((total, cut) => total + cut.streams, 0),
    unknown: answers.length - said.length,
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function quiet(wait: Promise<unknown>): Promise<void> {
  await wait.catch(() => undefined)
}
