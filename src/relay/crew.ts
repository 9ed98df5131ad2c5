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
  /** Live ones, and those that are on their way to be. */
  readonly threads: () => readonly WorkerThread[]
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
  readonly onEnd: (index: number) => Promise<void>
}

interface Member {
  readonly index: number
  state: WorkerStatus['state']
  restarts: number
  thread: WorkerThread | null
}

interface Team extends CrewOptions {
  readonly members: readonly Member[]
  readonly retired: AbortController
  committed: Snapshot | null
  /** The threads are being ended on purpose. */
  isClosing: boolean
}

/** Makes the crew; nothing is started yet. */
export function crew(options: CrewOptions): Crew {
  const members = Array.from({ length: options.count }, (_, index): Member => ({ index, state: 'starting', restarts: 0, thread: null }))
  const team: Team = { ...options, members, retired: new AbortController(), committed: null, isClosing: false }
  return {
    start: async (first) => start(team, first),
    change: async (next, done) => change(team, next, done),
    listen: async () => listenOn(team, live(team)),
    live: () => live(team),
    threads: () => members.flatMap(({ thread }) => (thread === null ? [] : [thread])),
    states: () => members.map(({ index, state, restarts }) => ({ index, state, restarts })),
    retire: () => team.retired.abort(),
    terminate: async () => {
      team.isClosing = true
      await Promise.all(members.flatMap(({ thread }) => (thread === null ? [] : [thread.terminate()])))
    },
  }
}

async function start(team: Team, first: Snapshot): Promise<readonly Problem[]> {
  const { members, waits } = team
  const threads = members.map((member) => (member.thread = team.spawn(member.index)))
  const problems = await startAll(threads, first, waits)
  if (problems.length > 0) {
    team.isClosing = true
    return problems
  }
  team.committed = first
  for (const member of members) setLive(team, member)
  await listenOn(team, threads)
  // Supervision lasts as long as the process; each member's loop ends when the crew retires.
  for (const member of members) void keepUp(team, member)
  return []
}

async function change(team: Team, next: Snapshot, done: () => void): Promise<readonly Problem[]> {
  const threads = live(team)
  if (threads.length === 0) return [problem('no worker is running', 'try again in a moment, and look into the log')]
  const committed = () => {
    team.committed = next
    done()
  }
  return twoPhase(threads, next, { waits: team.waits, committed })
}

function live({ members }: Team): readonly WorkerThread[] {
  return members.flatMap(({ state, thread }) => (state === 'live' && thread !== null ? [thread] : []))
}

function setLive(team: Team, member: Member): void {
  member.state = 'live'
  team.onLive(member.index)
}

/** Replaces a member whenever it ends, each time a little later when it ends again and again. */
async function keepUp(team: Team, member: Member): Promise<void> {
  const { backoffFirst, backoffLongest } = team.waits
  const { signal } = team.retired
  const wait = backoff(backoffFirst, backoffLongest)
  for (let since = Date.now(); ; since = Date.now()) {
    await ended(team, member)
    if (Date.now() - since > backoffLongest) wait.reset()
    await sleep(wait.next(), undefined, { signal }).catch(() => undefined)
    if (signal.aborted) {
      member.state = 'stopped'
      return
    }
    member.restarts++
    member.thread = team.spawn(member.index)
    await bringUp(team, member, member.thread)
  }
}

/** Brings a replacement to the committed version; inside of a change, so that no reload passes it by. */
async function bringUp(team: Team, member: Member, thread: WorkerThread): Promise<void> {
  const { waits, retired } = team
  if (!(await isReady(thread, waits.ready))) return thread.terminate()
  await team.changes(async () => {
    if (team.committed === null || retired.signal.aborted) return thread.terminate()
    const problems = await twoPhase([thread], team.committed, { waits, committed: () => setLive(team, member) })
    if (problems.length > 0) await thread.terminate()
    else await listenOn(team, [thread])
  })
}

async function listenOn({ accept, waits }: Team, threads: readonly WorkerThread[]): Promise<void> {
  if (accept === 'handover') return
  await Promise.all(threads.map(async (thread) => listen(thread, accept, waits.listen)))
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

async function ended(team: Team, member: Member): Promise<void> {
  const exit = await member.thread?.exited
  member.state = 'restarting'
  // Its place is another's only then.
  await team.onEnd(member.index)
  if (exit !== undefined && !team.isClosing)
    team.log.error({ worker: member.index, code: exit.code, error: exit.error }, `worker ${member.index} ended: ${exitText(exit)}`)
}

function problem(message: string, remedy: string): Problem {
  return { path: '', message, remedy }
}
