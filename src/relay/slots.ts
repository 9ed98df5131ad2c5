import type { Problem } from '../base/errors.ts'
import type { ListenerPlan, Plan } from '../config/plan.ts'
import type { ListenerSlot } from '../control/messages.ts'
import type { Certificate } from './certificates.ts'
import type { BoundPort } from './bind.ts'

/** The listeners as workers get them: real ports, certificates as text, and the keys that let any worker resume any session. */
export function listenerSlots(
  plans: readonly ListenerPlan[],
  ports: readonly BoundPort[],
  certificates: readonly (Certificate | null)[],
  ticketKeys: Uint8Array,
): readonly ListenerSlot[] {
  return ports.map(({ host, port }, index) => {
    const certificate = certificates[index] ?? null
    const tls = certificate === null ? null : { ...certificate, ticketKeys }
    return { index, host, port, tls, http2: plans[index]?.http2 ?? false }
  })
}

/** A plan without what only control needs: the paths of certificates stay, secrets of upstreams go along (workers send them). */
export function aimed(plan: Plan, fake: { readonly host: string; readonly port: number } | null): Plan {
  if (fake === null) return plan
  const upstreams = plan.upstreams.map((upstream) => (upstream.builtin ? { ...upstream, ...fake, tls: false } : upstream))
  return { ...plan, upstreams }
}

/** A worker's problem, placed in the file that it came from. */
export function placed(problem: Problem, file: string | null): Problem {
  return file === null || problem.file !== undefined ? problem : { ...problem, file }
}
