import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { WorkerStatus } from '../control/api.ts'
import type { Accept } from './accept.ts'
import { backoff } from './backoff.ts'
import type { Serial } from './serial.ts'
import type { Snapshot } from './snapshot.ts'
import { twoPhase } from './two-phase.ts'
import type { Waits } from './waits.ts'
import { exitText, type WorkerThread } from './worker-thread.ts'

/** All workers: started together, replaced one by one when they end. */
export interface Crew {
  /** Starts every worker on the first snapshot; the problems say why that could not be done. */
  start(first: Snapshot): Promise<readonly Problem[]>
  /** Brings the next snapshot to all live workers or to none; runs inside of a change. */
  change(next: Snapshot, committed: () => void): Promise<readonly Problem[]>
  /** Opens and closes the workers' own listeners, as the committed version has them. */
  listen(): Promise<void>
  readonly live: () => readonly WorkerThread[]
  states(): readonly Pick<WorkerStatus, 'index' | 'state' | 'restarts'>[]
  /** From now on a worker that ends is not replaced. */
  retire(): void
  terminate(): Promise<void>
}

export interface CrewOptions {
  readonly count: number
  readonly accept: Accept
  readonly spawn: (index: number) => WorkerThread
  /** Changes of the snapshot, one after the other. */
  readonly changes: Serial
  readonly waits: Waits
  readonly log: Log
  /** A worker came up, or ended: its connections are gone. */
  readonly onLive: (index: number) => void
  readonly onEnd: (index: number) => void
}

interface Member {
  readonly index: number
  state: WorkerStatus['state']
  restarts: number
  thread: WorkerThread | null
}

export function crew(options: CrewOptions): Crew {
  const { count, accept, changes, waits } = options
  const members = Array.from({ length: count }, (_, index): Member => ({ index, state: 'starting', restarts: 0, thread: null }))
  const retired = new AbortController()
  let isClosing = false
  let committed: Snapshot | null = null
  const live = () => members.flatMap(({ state, thread }) => (state === 'live' && thread !== null ? [thread] : []))
  const setLive = (member: Member) => {
    member.state = 'live'
    options.onLive(member.index)
  }
  const listenOn = async (threads: readonly WorkerThread[]) => {
    if (accept !== 'handover') await Promise.all(threads.map((thread) => listen(thread, accept, waits.listen)))
  }
  const change = async (next: Snapshot, done: () => void) => {
    const threads = live()
    if (threads.length === 0) return [problem('no worker is running', 'try again in a moment, and look into the log')]
    return twoPhase(threads, next, {
      waits,
      committed: () => {
        committed = next
        done()
      },
    })
  }
  /** Brings a replacement to the committed version; inside of a change, so that no reload passes it by. */
  const bringUp = async (member: Member, thread: WorkerThread) => {
    if (!(await isReady(thread, waits.ready))) return thread.terminate()
    await changes(async () => {
      if (committed === null || retired.signal.aborted) return thread.terminate()
      const problems = await twoPhase([thread], committed, { waits, committed: () => setLive(member) })
      if (problems.length > 0) await thread.terminate()
      else await listenOn([thread])
    })
  }
  const keepUp = async (member: Member) => {
    const wait = backoff(waits.backoffFirst, waits.backoffLongest)
    for (let since = Date.now(); ; since = Date.now()) {
      await ended(member, options, () => isClosing)
      if (Date.now() - since > waits.backoffLongest) wait.reset()
      await sleep(wait.next(), undefined, { signal: retired.signal }).catch(() => undefined)
      if (retired.signal.aborted) return void (member.state = 'stopped')
      member.restarts++
      member.thread = options.spawn(member.index)
      await bringUp(member, member.thread)
    }
  }
  return {
    start: async (first) => {
      const threads = members.map((member) => (member.thread = options.spawn(member.index)))
      const problems = await startAll(threads, first, waits)
      if (problems.length > 0) return problems
      committed = first
      members.forEach(setLive)
      await listenOn(threads)
      // Supervision lasts as long as the process; each member's loop ends when the crew retires.
      for (const member of members) void keepUp(member)
      return []
    },
    change,
    listen: () => listenOn(live()),
    live,
    states: () => members.map(({ index, state, restarts }) => ({ index, state, restarts })),
    retire: () => retired.abort(),
    terminate: async () => {
      isClosing = true
      await Promise.all(members.map((member) => member.thread?.terminate()))
    },
  }
}

async function startAll(threads: readonly WorkerThread[], first: Snapshot, waits: Waits): Promise<readonly Problem[]> {
  const up = await Promise.all(threads.map((thread) => thread.ask(null, (answer) => answer.is === 'ready', waits.ready)))
  const down = up.flatMap((answer, at) => {
    if (answer.is === 'said') return []
    const why = answer.is === 'gone' ? `ended at its start: ${answer.why}` : 'did not start in time'
    return [problem(`worker ${at} ${why}`, 'look into the log, and start relay again')]
  })
  return down.length > 0 ? down : twoPhase(threads, first, { waits, committed: () => undefined })
}

async function isReady(thread: WorkerThread, timeoutMs: number): Promise<boolean> {
  return (await thread.ask(null, (answer) => answer.is === 'ready', timeoutMs)).is === 'said'
}

/** The port is held by control, so a worker that cannot listen on it is broken, and is ended. */
async function listen(thread: WorkerThread, accept: Accept, timeoutMs: number): Promise<void> {
  const message = { is: 'listen', reusePort: accept === 'reusePort' } as const
  const answer = await thread.ask(message, (said) => said.is === 'listening', timeoutMs)
  if (answer.is === 'silent') await thread.terminate()
}

async function ended(member: Member, { log, onEnd }: CrewOptions, isClosing: () => boolean): Promise<void> {
  const exit = await member.thread?.exited
  member.state = 'restarting'
  onEnd(member.index)
  if (exit === undefined || isClosing()) return
  log.error({ worker: member.index, code: exit.code, error: exit.error }, `worker ${member.index} ended: ${exitText(exit)}`)
}

function problem(message: string, remedy: string): Problem {
  return { path: '', message, remedy }
}
