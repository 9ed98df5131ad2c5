import type { Problem } from '../base/errors.ts'
import type { AdminPort } from './admin-port.ts'
import { readCertificates } from './certificates.ts'
import { same } from './changed.ts'
import type { Parts } from './parts.ts'
import { aimed, listenerSlots, placed } from './slots.ts'
import { planForWorkers } from './shared.ts'
import type { Snapshot } from './snapshot.ts'
import type { Loaded } from './source.ts'

/** A configuration that runs. */
export interface Running {
  readonly loaded: Loaded
  readonly snapshot: Snapshot
  readonly committedAt: Date
}

/** What a configuration is applied to. */
export interface ApplyTo {
  readonly parts: Parts
  readonly admin: AdminPort
}

/** Brings a configuration to every worker and every listener, or changes nothing and returns what is wrong. */
export async function apply(to: ApplyTo, loaded: Loaded, before: Running | null): Promise<Running | readonly Problem[]> {
  const { parts, admin } = to
  const read = await readCertificates(loaded.plan.listeners)
  if (read.problems.length > 0) return read.problems
  const ports = await parts.listeners.prepare(loaded.plan.listeners)
  const adminChange = await admin.prepare(loaded.plan.admin)
  await parts.reflections.prepare(loaded.plan)
  const bindProblems = [...ports.problems, ...adminChange.problems]
  const snapshot =
    bindProblems.length > 0 ? null : await snapshotOf(to, loaded, { ports: ports.ports, certificates: read.certificates, before })
  let tenantsUsed = Promise.resolve()
  const commit = () => {
    parts.listeners.commit(ports)
    tenantsUsed = parts.services.useConfig(loaded.plan)
  }
  const problems = snapshot === null ? bindProblems : await bring(parts, snapshot, before, commit)
  if (snapshot === null || problems.length > 0) {
    ports.undo()
    await adminChange.undo()
    parts.reflections.keepOnly(before?.loaded.plan ?? null)
    const file = loaded.source.is === 'file' ? loaded.source.file : null
    return problems.map((problem) => placed(problem, file))
  }
  await tenantsUsed
  await adminChange.commit()
  parts.reflections.keepOnly(loaded.plan)
  if (before !== null && ports.changed) await parts.crew.listen()
  return { loaded, snapshot, committedAt: new Date() }
}

/** Whether two configurations ask for the same, whatever their texts look like; changed certificates are a change. */
export async function isSame(running: Running, loaded: Loaded): Promise<boolean> {
  if (!same(running.loaded.plan, loaded.plan)) return false
  const { certificates, problems } = await readCertificates(loaded.plan.listeners)
  const now = certificates.map((one) => one && [one.cert, one.key])
  return (
    problems.length === 0 &&
    same(
      now,
      running.snapshot.listeners.map(({ tls }) => tls && [tls.cert, tls.key]),
    )
  )
}

async function bring(parts: Parts, snapshot: Snapshot, before: Running | null, commit: () => void): Promise<readonly Problem[]> {
  if (before !== null) return parts.crew.change(snapshot, commit)
  const problems = await parts.crew.start(snapshot)
  if (problems.length === 0) commit()
  return problems
}

interface SnapshotParts {
  readonly ports: Parameters<typeof listenerSlots>[1]
  readonly certificates: Parameters<typeof listenerSlots>[2]
  readonly before: Running | null
}

async function snapshotOf({ parts }: ApplyTo, { plan }: Loaded, { ports, certificates, before }: SnapshotParts): Promise<Snapshot> {
  const needsFake = plan.upstreams.some((upstream) => upstream.builtin)
  const { routeSlots, upstreamSlots } = parts.numbers
  return {
    version: (before?.snapshot.version ?? 0) + 1,
    plan: aimed(parts.reflections.filled(planForWorkers(plan)), needsFake ? await parts.fake.address() : null),
    listeners: listenerSlots(plan.listeners, ports, certificates, parts.ticketKeys),
    slots: {
      routes: routeSlots.slotsOf(plan.routes.map((route) => route.name)),
      upstreams: upstreamSlots.slotsOf(plan.upstreams.map((upstream) => upstream.name)),
    },
  }
}
