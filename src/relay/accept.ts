import { BoundSocket } from 'node:net'

/**
 * How connections come to the workers: main accepts and hands them over; or each worker listens on the shared port; or, where the
 * platform has neither, the only worker listens alone.
 */
export type Accept = 'handover' | 'reusePort' | 'alone'

/** What the platform can do. */
export interface Platform {
  readonly handover: boolean
  readonly reusePort: boolean
}

/** Looks at the platform; a socket cannot move between threads on Windows. */
export function platform(): Platform {
  return { handover: process.platform !== 'win32', reusePort: canReusePort() }
}

/** What is wanted where it can be had, else the other way, else one worker alone. */
export function acceptMode(wanted: 'handover' | 'reusePort', can: Platform): Accept {
  if (can[wanted]) return wanted
  const other = wanted === 'handover' ? 'reusePort' : 'handover'
  return can[other] ? other : 'alone'
}

function canReusePort(): boolean {
  try {
    new BoundSocket({ host: '127.0.0.1', port: 0, reusePort: true }).close()
    return true
  } catch {
    return false
  }
}
