import type { Problem } from '../base/errors.ts'
import type { Phase } from '../control/api.ts'
import type { Plan } from '../config/plan.ts'
import type { Running } from './apply.ts'

/** What changes in a relay's life. */
export interface State {
  read(): StateNow
  phase(): Phase
  facts(): Facts
  /** The plan that runs; null before the first is committed. */
  plan(): Plan | null
  setPhase(phase: Phase): void
  /** `problems`: why the last reload failed. */
  setRunning(running: Running, problems: readonly Problem[]): void
}

/** The state at a moment, once something runs. */
export interface StateNow {
  readonly version: string
  readonly startedAt: Date
  readonly phase: Phase
  readonly running: Running
  readonly lastProblems: readonly Problem[]
}

/** What can be told before anything runs, too; `configVersion` is 0 then. */
interface Facts extends Pick<StateNow, 'version' | 'phase'> {
  readonly configVersion: number
  readonly lastReloadSuccessful: boolean
}

/** The state of a relay that starts. */
export function state(version: string): State {
  const startedAt = new Date()
  let phase: Phase = 'starting'
  let running: Running | null = null
  let lastProblems: readonly Problem[] = []
  return {
    read: () => {
      if (running === null) throw new Error('relay is still starting')
      return { version, startedAt, phase, running, lastProblems }
    },
    phase: () => phase,
    facts: () => ({ version, phase, configVersion: running?.snapshot.version ?? 0, lastReloadSuccessful: lastProblems.length === 0 }),
    plan: () => running?.snapshot.plan ?? null,
    setPhase: (next) => (phase = next),
    setRunning: (next, problems) => {
      running = next
      lastProblems = problems
    },
  }
}
