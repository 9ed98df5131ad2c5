import type { Plan } from '../config/plan.ts'
import type { ListenerSlot, NumberSlots } from '../control/messages.ts'

/** What the workers are sent: a plan whose addresses are real, and the version that names it. */
export interface Snapshot {
  readonly version: number
  readonly plan: Plan
  readonly listeners: readonly ListenerSlot[]
  readonly slots: NumberSlots
}
