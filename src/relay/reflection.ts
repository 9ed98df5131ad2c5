import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../base/log.ts'
import type { Plan, UpstreamPlan } from '../config/plan.ts'
import type { ReflectionClient, ServerPlace } from '../descriptors/reflect-client.ts'
import { backoff } from './backoff.ts'
import { asksServer, filled, type KnownServer } from './reflected.ts'

/** The gRPC servers that are asked what their methods are: followed for as long as a plan needs them. */
export interface Reflections {
  /** Begins to follow what a plan needs, and gives servers that were not asked before a moment to answer. */
  prepare(plan: Plan): Promise<void>
  /** The plan with what is known filled in. */
  filled(plan: Plan): Plan
  /** Follows no others than those of this plan; null: none. */
  keepOnly(plan: Plan | null): void
  /** Asks all of them again: whoever reloads may have changed one. */
  again(): void
  /** From now on, and at once where it is due: what is known is not what was filled in last. */
  onChange(changed: () => void): void
  close(): void
}

export interface ReflectionsOptions {
  readonly log: Log
  /** How long a change of the plan waits for servers that it brings along, in ms. */
  readonly waitMs: number
}

/** Follows nobody yet. */
export function reflections({ log, waitMs }: ReflectionsOptions): Reflections {
  const followed = new Map<string, Followed>()
  let isDue = false
  let tell: (() => void) | null = null
  const changed = (): void => {
    if (tell === null) isDue = true
    else tell()
  }
  const keepOnly = (plan: Plan | null): void => {
    const keys = new Set(plan === null ? [] : placesOf(plan).map(([key]) => key))
    for (const [key, one] of followed) {
      if (keys.has(key)) continue
      followed.delete(key)
      one.close()
    }
  }
  return {
    async prepare(plan) {
      const fresh = placesOf(plan).filter(([key]) => !followed.has(key))
      for (const [key, upstream] of fresh) if (!followed.has(key)) followed.set(key, follow(upstream, { log, changed }))
      const first = Promise.all(fresh.map(async ([key]) => followed.get(key)?.first))
      if (fresh.length > 0) await Promise.race([first, pause(waitMs, undefined, { ref: false })])
    },
    filled(plan) {
      isDue = false
      const { plan: whole, problems } = filled(plan, (upstream) => followed.get(keyOf(upstream))?.known() ?? null)
      for (const problem of problems) log.error({}, `${problem}: JSON callers get 503 until it has`)
      return whole
    },
    keepOnly,
    again: () => {
      for (const one of followed.values()) one.again()
    },
    onChange(listener) {
      tell = listener
      if (isDue) listener()
    },
    close: () => keepOnly(null),
  }
}

function placesOf(plan: Plan): readonly (readonly [string, UpstreamPlan])[] {
  return plan.upstreams.filter((upstream) => asksServer(plan, upstream)).map((upstream) => [keyOf(upstream), upstream])
}

function keyOf(upstream: UpstreamPlan): string {
  return JSON.stringify(placeOf(upstream))
}

function placeOf({ host, port, tls, ca, path, credential }: UpstreamPlan): ServerPlace {
  return { host, port, tls: tls ? { ca } : null, path, credential }
}

interface Followed {
  known(): KnownServer | null
  /** Resolves once it has answered, or could not be asked. */
  readonly first: Promise<void>
  again(): void
  close(): void
}

interface Following {
  readonly log: Log
  readonly changed: () => void
}

const askMs = 10_000
const firstWaitMs = 250
const longestWaitMs = 30_000

/** A server that has not answered is looked for this often at least: its callers wait for it. */
const longestFaultMs = 5000

/** Two answers that are closer than this count as one after the other: a server that comes and goes is asked less and less often. */
const calmMs = 10_000

function follow(upstream: UpstreamPlan, { log, changed }: Following): Followed {
  const ended = new AbortController()
  const first = Promise.withResolvers<void>()
  let known: KnownServer | null = null
  let waking = new AbortController()
  const wake = (): void => waking.abort()
  ended.signal.addEventListener('abort', wake)

  const ask = async (client: ReflectionClient): Promise<void> => {
    const server = await checked(client)
    if (known !== null && Buffer.compare(known.bytes, server.bytes) === 0) return
    const isNew = known === null
    known = server
    const text = isNew ? 'has said what its gRPC methods are' : 'has other gRPC methods than before'
    log.info({ upstream: upstream.name }, `the upstream ${upstream.name} ${text}`)
    changed()
  }
  const run = async (): Promise<void> => {
    // Commands, and relays that ask nobody, are spared what it takes to load.
    const { reflectionClient } = await import('../descriptors/reflect-client.ts')
    const client = reflectionClient(placeOf(upstream))
    ended.signal.addEventListener('abort', () => client.close())
    const waits = backoff(firstWaitMs, longestWaitMs)
    let lastFault = ''
    while (!ended.signal.aborted) {
      waking = new AbortController()
      const begun = performance.now()
      const fault = await ask(client).then(
        () => '',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
      first.resolve()
      if (ended.signal.aborted) return
      if (fault !== '' && fault !== lastFault)
        log.warn({ upstream: upstream.name }, `the upstream ${upstream.name} cannot be asked for its gRPC methods: ${fault}`)
      lastFault = fault
      if (fault === '') await client.reconnected(waking.signal)
      // Whoever wants it asked again does not make it one that comes and goes.
      if (waking.signal.aborted || performance.now() - begun > calmMs) waits.reset()
      await rest(Math.min(waits.next(), fault === '' ? longestWaitMs : longestFaultMs), waking.signal)
    }
  }
  void run()
  return {
    known: () => known,
    first: first.promise,
    again: wake,
    close: () => ended.abort(),
  }
}

async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal, ref: false }).catch(() => undefined)
}

/** What nobody could use counts as no answer. */
async function checked(client: ReflectionClient): Promise<KnownServer> {
  const bytes = await client.ask(askMs)
  const { openSet } = await import('../descriptors/open-set.ts')
  const opened = openSet(bytes)
  if (opened.is === 'opened') return { bytes, has: (method) => opened.set.request(method) !== undefined }
  throw new Error(opened.faults.map(({ message }) => message).join('; '))
}
