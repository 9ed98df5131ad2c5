import { ConfigError } from '../base/errors.ts'
import type { Plan } from '../config/plan.ts'
import type { ReloadOutcome, Status } from '../control/api.ts'
import type { ControlKey } from '../control/socket-path.ts'
import type { Readiness } from '../metrics/admin.ts'
import { metricsRegistry } from '../metrics/registry.ts'
import { platform, type Platform } from './accept.ts'
import { adminPort, type AdminPort } from './admin-port.ts'
import { apply } from './apply.ts'
import { openControl } from './control.ts'
import type { Stopped } from './drain.ts'
import { makeParts, type Parts } from './parts.ts'
import { logger, type Log } from '../base/log.ts'
import { refresh } from './refresh.ts'
import { reload } from './reload.ts'
import { load, type Loaded, type Overrides, type RelaySource } from './source.ts'
import { state, type State } from './state.ts'
import { factsOf, routesOf, statusOf } from './status.ts'
import { stopper } from './stopper.ts'
import { defaultWaits, type Waits } from './waits.ts'
import { watchFiles } from './watch.ts'
import type { WorkerSource } from './worker-source.ts'

/** What a relay is started with. */
export interface RelayOptions extends Overrides {
  readonly source: RelaySource
  readonly env: NodeJS.ProcessEnv
  readonly version: string
  readonly worker: WorkerSource
  /** Where the control socket stands; null: a place made of the source. */
  readonly control: string | null
  /** Heap limit of a worker; null: a share of the machine's memory. */
  readonly heapMb: number | null
  readonly waits?: Partial<Waits>
  readonly platform?: Platform
}

/** A relay that runs: the control plane. */
export interface Relay {
  readonly control: string
  /** The plan that runs, with its secrets: never to be printed. */
  plan(): Plan
  status(): Status
  /** For SIGHUP: what is wrong stands in the log. */
  reload(): Promise<ReloadOutcome>
  /** Drains and ends; `delay` null: as configured. */
  readonly stop: (delay: number | null) => void
  /** Cuts a drain short. */
  readonly cut: () => void
  /** How the drain went, when everything is closed. */
  readonly ended: Promise<Stopped>
}

/** Starts a relay, or throws a ConfigError that says why it cannot be; then nothing is left behind. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const loaded = await load(options.source, options, options.env)
  const opened = new AsyncDisposableStack()
  try {
    return await open(options, loaded, opened)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

async function open(options: RelayOptions, loaded: Loaded, opened: AsyncDisposableStack): Promise<Relay> {
  const waits = { ...defaultWaits, ...options.waits }
  const log = logger({ level: loaded.plan.log.level })
  opened.defer(() => log.close())
  const now = state(options.version)
  const base = await openParts(options, { loaded, log, waits, now }, opened)
  const first = await apply(base, loaded, null)
  if (!('snapshot' in first)) throw new ConfigError(first)
  now.setRunning(first, [])
  const self = () => ({ ...now.read(), ...base })
  const again = async (expect: string | null) =>
    base.parts.changes(() => reload({ ...base, log, now, load: () => load(options.source, options, options.env) }, expect))
  const stop = stopper({ ...base, now, log, margin: waits.cut, close: () => opened.disposeAsync() })
  const status = () => statusOf(self())
  const control = await openControl(options, controlKey(status()), {
    status,
    routes: () => routesOf(self()),
    reload: again,
    stop: stop.told,
  })
  opened.defer(() => control.close())
  opened.adopt(watched(now, log, { again, pollMs: waits.poll }), (watch) => watch.close())
  now.setPhase('running')
  base.parts.reflections.onChange(() => void base.parts.changes(() => refresh({ ...base, log, now })))
  return {
    control: control.path,
    plan: () => now.read().running.loaded.plan,
    status,
    reload: async () => {
      log.info({}, 'reload: asked for by SIGHUP')
      return again(null)
    },
    stop: stop.begin,
    cut: stop.cut,
    ended: stop.ended,
  }
}

/** A relay with a file is found by the file, one without by the address that it listens on. */
function controlKey({ source, listeners }: Status): ControlKey {
  const [first] = listeners
  return source.is === 'file' ? source : { is: 'address', host: first?.host ?? '', port: first?.port ?? 0 }
}

function readiness(now: State, parts: Parts): Readiness {
  if (now.phase() !== 'running') return { ok: false, reason: now.phase() }
  return { ok: parts.crew.live().length > 0, reason: 'no worker is running' }
}

interface Opening {
  readonly loaded: Loaded
  readonly log: Log
  readonly waits: Waits
  readonly now: State
}

/** Everything that listens or runs, in the order in which it has to be closed again. */
async function openParts(
  options: RelayOptions,
  opening: Opening,
  opened: AsyncDisposableStack,
): Promise<{ readonly parts: Parts; readonly admin: AdminPort }> {
  const { loaded, log, waits, now } = opening
  const plan = () => now.plan() ?? loaded.plan
  const { worker, heapMb } = options
  const parts = await makeParts({ platform: options.platform ?? platform(), worker, heapMb, waits, log, plan }, opened)
  const registry = metricsRegistry({ numbers: parts.numbers, control: () => factsOf(now, parts, log.dropped()) })
  const onError = (error: unknown) => log.error({ error }, 'the admin listener failed to answer')
  const admin = adminPort({ registry, onError, isReady: () => readiness(now, parts) })
  opened.defer(() => parts.fake.close())
  opened.defer(() => parts.reflections.close())
  opened.defer(() => parts.crew.terminate())
  opened.defer(() => admin.close())
  opened.defer(() => parts.listeners.closeAll())
  opened.defer(() => parts.handover.close())
  opened.defer(() => parts.crew.retire())
  return { parts, admin }
}

interface Watched {
  readonly again: (expect: null) => Promise<ReloadOutcome>
  readonly pollMs: number
}

/** A change of the file, or of one that it names, is a reload; what is wrong with it stands in the log. */
function watched(now: State, log: Log, { again, pollMs }: Watched): { close(): void } {
  const onChange = () => {
    again(null).catch((error: unknown) => log.error({ error }, 'the reload failed'))
  }
  return watchFiles(() => now.read().running.loaded.files, { onChange, pollMs })
}
