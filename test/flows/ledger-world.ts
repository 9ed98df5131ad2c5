import { DatabaseSync } from 'node:sqlite'
import { started, type RunningRelay } from '../helpers/cli.ts'
import type { RelayProcess } from '../helpers/relay-process.ts'
import { answer, type OriginCall } from './origin.ts'
import { keyOf } from './tenancy.ts'

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A call that a load made. */
export interface Made {
  /** Relay's id of it. */
  readonly id: string
  readonly status: number
  /** When its reply had ended (ms, monotonic). */
  readonly endedAt: number
}

/** An endless load of calls of a tenant, which ends when relay does. */
export interface Load {
  readonly made: readonly Made[]
  readonly ended: Promise<unknown>
  stop(): void
}

/** Calls one after the other on so many connections. The config names each call to its caller as `x-id`. */
export function load(url: string, tenant: string, lanes: number, path = '/v1/messages'): Load {
  const made: Made[] = []
  const over = new AbortController()
  const lane = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const reply = await ask(url, tenant, path)
      if (reply === null) return
      made.push(reply)
    }
  }
  return { made, ended: Promise.all(Array.from({ length: lanes }, lane)), stop: () => over.abort() }
}

/** One call; null where relay is gone. */
export async function ask(url: string, tenant: string, path = '/v1/messages'): Promise<Made | null> {
  const headers = { 'x-api-key': keyOf(tenant), 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] })
  try {
    const reply = await fetch(`${url}${path}`, { method: 'POST', headers, body })
    await reply.arrayBuffer()
    return { id: reply.headers.get('x-id') ?? '', status: reply.status, endedAt: performance.now() }
  } catch {
    return null
  }
}

/** Ten tokens in, ten out. */
const usage = { input_tokens: 10, output_tokens: 10 }

/** Answers a call with that. */
export function replied({ socket }: OriginCall): void {
  socket.write(answer(200, JSON.stringify({ type: 'message', model: 'claude-opus-5-5', content: [], usage })))
}

/** Starts relay once more, with what the one before left. */
export async function startedAgain(t: Scope, { home }: Pick<RelayProcess, 'home'>): Promise<RunningRelay> {
  return started(t, home, '--config', 'relay.config.yaml', '--control', home.path('control.sock'))
}

/** Ends a relay as a crash would. */
export async function killed(relay: Pick<RunningRelay, 'child' | 'ended'>): Promise<number> {
  const at = performance.now()
  relay.child.kill('SIGKILL')
  await relay.ended()
  return at
}

/** What the ledger's tables say of each other: nothing is counted twice, and nothing is left out. */
export function sumsOf({ home }: Pick<RelayProcess, 'home'>): Readonly<Record<string, unknown>> {
  const db = new DatabaseSync(home.path('relay-ledger.db'), { readOnly: true })
  const sums = db.prepare(sumsText).get()
  db.close()
  return { ...sums }
}

/** What they say where all is well. */
export const agreeing: Readonly<Record<string, number>> = { calls: 0, cost: 0, budgets: 0, twice: 0, open: 0 }

const settled = "SELECT %s FROM calls WHERE owner IS NULL AND end <> 'refused'"
const sumsText = `SELECT
  (SELECT coalesce(sum(calls), 0) FROM days) - (${settled.replace('%s', 'count(*)')}) AS calls,
  (SELECT coalesce(sum(cost), 0) FROM days) - (${settled.replace('%s', 'coalesce(sum(cost), 0)')}) AS cost,
  (SELECT coalesce(sum(spent), 0) FROM budgets) - (${settled.replace('%s', 'coalesce(sum(cost), 0)')} AND budgets LIKE '%budget%') AS budgets,
  (SELECT count(*) - count(DISTINCT id) FROM calls) AS twice,
  (SELECT count(*) FROM calls WHERE owner IS NOT NULL) AS open`
