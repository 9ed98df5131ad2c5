import type { Socket } from 'node:net'
import type { Problem } from '../base/errors.ts'
import type { AddressPlan } from '../config/plan.ts'
import type { Accept } from './accept.ts'
import { bindPort, isProblem, type BoundPort } from './bind.ts'

/** The ports that relay holds, in step with the committed version. */
export interface Listeners {
  /** Takes what a version needs beyond what is held; what was taken is given back by `undo`. */
  prepare(plans: readonly AddressPlan[]): Promise<PreparedListeners>
  /** From now on these are the listeners: those that are gone are closed, connections carry the new index. */
  commit(prepared: PreparedListeners): void
  readonly closeAll: () => void
}

interface PreparedListeners {
  /** One port a plan, in the plan's order; shorter when there are problems. */
  readonly ports: readonly BoundPort[]
  readonly problems: readonly Problem[]
  /** True when a listener appears or disappears. */
  readonly changed: boolean
  undo(): void
}

interface Held {
  readonly key: string
  readonly port: BoundPort
}

export function listeners(accept: Accept, onSocket: (listener: number, socket: Socket) => void): Listeners {
  let held: readonly Held[] = []
  const wanted = new WeakMap<PreparedListeners, readonly Held[]>()
  return {
    prepare: async (plans) => {
      const fresh: BoundPort[] = []
      const next: Held[] = []
      const problems: Problem[] = []
      for (const [at, plan] of plans.entries()) {
        const key = keyOf(plans, at)
        const old = held.find((one) => one.key === key)
        const port = old?.port ?? (await bindPort(plan, accept))
        if (isProblem(port)) problems.push(port)
        else {
          next.push({ key, port })
          if (old === undefined) fresh.push(port)
        }
      }
      const undo = () => fresh.forEach((port) => port.release())
      const changed = fresh.length > 0 || next.length !== held.length
      const prepared: PreparedListeners = { ports: next.map((one) => one.port), problems, changed, undo }
      wanted.set(prepared, next)
      return prepared
    },
    commit: (prepared) => {
      const next = wanted.get(prepared) ?? []
      for (const [index, { port }] of next.entries()) port.onSocket = (socket) => onSocket(index, socket)
      for (const { port } of held) if (!prepared.ports.includes(port)) port.release()
      held = next
    },
    closeAll: () => {
      for (const { port } of held) port.release()
      held = []
    },
  }
}

/** The address as it was asked for names a listener: `:0` stays the port that it got. Two of the same are told apart by their order. */
function keyOf(plans: readonly AddressPlan[], at: number): string {
  const name = (plan: AddressPlan | undefined) => `${plan?.host} ${plan?.port}`
  const before = plans.slice(0, at).filter((plan) => name(plan) === name(plans[at])).length
  return `${name(plans[at])} ${before}`
}
