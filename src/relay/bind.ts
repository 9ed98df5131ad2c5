import { BoundSocket, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Problem } from '../base/errors.ts'
import type { AddressPlan } from '../config/plan.ts'
import type { Accept } from './accept.ts'
import { bindProblem, takenProblem } from './bind-problem.ts'
import { portGuard, type PortGuard } from './port-guard.ts'

/** A listener's port, held by the main thread from before the first worker starts. */
export interface BoundPort {
  readonly host: string
  readonly port: number
  /** What is done with an accepted connection (handover); set before callers come. */
  onSocket: (socket: Socket) => void
  release: () => void
}

/** Takes a port, or says why it cannot be had. */
export async function bindPort(address: AddressPlan, accept: Accept, backlog = 4096): Promise<BoundPort | Problem> {
  try {
    const held = accept === 'handover' ? await listening(address, backlog) : reserved(address, accept)
    const guard = await portGuard(address.host, held.port)
    if (guard !== null) return guarded(held, guard)
    held.release()
    return takenProblem(address)
  } catch (error) {
    return bindProblem(address, error)
  }
}

/** True for what `bindPort` could not take. */
export function isProblem(bound: BoundPort | Problem): bound is Problem {
  return 'remedy' in bound
}

function guarded(held: BoundPort, guard: PortGuard): BoundPort {
  const release = held.release
  held.release = () => {
    release()
    guard.release()
  }
  return held
}

/** Connections are paused until a worker has them: not one byte may be read here, or it would be lost in the handover. */
async function listening(address: AddressPlan, backlog: number): Promise<BoundPort> {
  const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
    // A caller's reset before the handover is its own affair.
    socket.on('error', () => socket.destroy())
    bound.onSocket(socket)
  })
  const bound = portOf(server, address.host)
  server.listen({ host: address.host, port: address.port, backlog })
  await once(server, 'listening')
  // What goes wrong with one accept (no descriptor left) must not end the process; libuv tries again.
  server.on('error', () => undefined)
  const at = server.address()
  return Object.assign(bound, { port: typeof at === 'object' && at !== null ? at.port : address.port })
}

function portOf(server: Server, host: string): BoundPort {
  return { host, port: 0, onSocket: (socket) => socket.destroy(), release: () => server.close() }
}

/**
 * A plain bind fails when anybody listens, sharing or not; only then is the port taken with `reusePort`, and never listened on here,
 * so that the kernel gives every connection to a worker.
 */
function reserved({ host, port }: AddressPlan, accept: Accept): BoundPort {
  const probe = new BoundSocket({ host, port })
  const real = probe.address().port
  probe.close()
  if (accept === 'alone') return { host, port: real, onSocket: () => undefined, release: () => undefined }
  const held = new BoundSocket({ host, port: real, reusePort: true })
  return { host, port: real, onSocket: () => undefined, release: () => held.close() }
}
