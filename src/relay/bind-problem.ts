import type { Problem } from '../base/errors.ts'
import { addressText } from '../config/address.ts'
import type { AddressPlan } from '../config/plan.ts'

/** Why an address cannot be listened on, and what to do about it. */
export function bindProblem(plan: AddressPlan, error: unknown): Problem {
  const path = 'listen'
  const address = addressText(plan)
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  switch (code) {
    case 'EADDRINUSE': {
      const message = `address in use: another process listens on ${address}`
      return { path, message, remedy: 'stop it, or listen elsewhere: `listen` in the config, or --listen' }
    }
    case 'EACCES':
      return { path, message: `not allowed to listen on ${address}`, remedy: 'choose a port of 1024 or above' }
    case 'EADDRNOTAVAIL':
      return { path, message: `this machine has no address ${plan.host}`, remedy: 'listen on one of its own addresses, or on 0.0.0.0' }
    default:
      return { path, message: `cannot listen on ${address}: ${code}`, remedy: 'listen elsewhere' }
  }
}

/** The same problem for an address that another relay has taken and not listened on yet. */
export function takenProblem(plan: AddressPlan): Problem {
  return bindProblem(plan, Object.assign(new Error('taken'), { code: 'EADDRINUSE' }))
}
