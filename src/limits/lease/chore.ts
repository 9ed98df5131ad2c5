import type { Holding, Need } from './holding.ts'
import type { Surplus } from './surplus.ts'

/** When a lease was used and told last. */
export interface ChoreTimes {
  readonly now: number
  readonly usedUs: number
  readonly toldUs: number
  readonly renewMs: number
}

const secondUs = 1_000_000

/** What is to be done with a lease without being asked. */
export function choreOf(holding: Holding, surplus: Surplus, { now, usedUs, toldUs, renewMs }: ChoreTimes): Need | null {
  if (holding.isSpare() && now - usedUs > secondUs) return { is: 'return', leave: 0 }
  const leave = surplus.look(now)
  if (leave !== null) return { is: 'return', leave }
  if (holding.hasNews() && now - toldUs >= secondUs) return { is: 'keep' }
  return holding.isHeld() && now - toldUs >= renewMs * 1000 ? { is: 'keep' } : null
}
