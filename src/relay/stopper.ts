import type { Phase, StopStep } from '../control/api.ts'
import type { ControlHandlers } from '../control/server.ts'
import type { ApplyTo } from './apply.ts'
import { drain, type Stopped } from './drain.ts'
import type { Log } from '../base/log.ts'
import type { State } from './state.ts'

/** What ends a relay. */
export interface Stopper {
  readonly begin: (delay: number | null) => void
  readonly cut: () => void
  /** The same for the control socket: each step is told. */
  readonly told: ControlHandlers['stop']
  readonly ended: Promise<Stopped>
}

export interface StopperOptions extends ApplyTo {
  readonly now: State
  readonly log: Log
  /** What a drain may take beyond its graces, in ms. */
  readonly margin: number
  readonly close: () => Promise<void>
}

/** The drain of a relay, with everything closed behind it. */
export function stopper({ parts, now, log, margin, close }: StopperOptions): Stopper {
  const hearing = new Set<(step: StopStep) => void>()
  const ended = Promise.withResolvers<Stopped>()
  let last: StopStep | null = null
  let isBegun = false
  const draining = drain({
    plan: () => now.read().running.snapshot.plan.drain,
    workers: parts.crew.live,
    connections: parts.loads.total,
    closeListeners: parts.listeners.closeAll,
    log,
    margin,
    step: (step) => {
      last = step
      now.setPhase(phases[step.is] ?? now.phase())
      for (const told of hearing) told(step)
    },
  })
  const end = async (delay: number | null) => {
    // A worker that ends from now on is not replaced: its place would be closed again at once.
    parts.crew.retire()
    const stopped = await draining.begin(delay)
    // The last step is on its way to those who asked; closing gives it a moment.
    await close()
    return stopped
  }
  const begin = (delay: number | null) => {
    if (isBegun) return
    isBegun = true
    end(delay).then(ended.resolve, ended.reject)
  }
  return {
    begin,
    cut: draining.cut,
    ended: ended.promise,
    told: async (cutNow, told) => {
      if (last !== null) told(last)
      hearing.add(told)
      begin(cutNow ? 0 : null)
      if (cutNow) draining.cut()
      await draining.begin(null)
      hearing.delete(told)
    },
  }
}

const phases: Readonly<Partial<Record<StopStep['is'], Phase>>> = {
  closing: 'closing',
  draining: 'draining',
  stopped: 'stopped',
}
