import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import type { LedgerRow } from '../../src/ledger/row.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { rawCall, type RawCall } from './caller.ts'
import { messageStream } from './events.ts'
import { answer, chunk, origin, streamHead, type OriginCall } from './origin.ts'
import { messageCall, rowsFor, rowsOf, tenantsWith } from './tenancy.ts'

/** What a call is to be counted for; its row says how it ended, too. */
export interface Figures {
  readonly requests: 0 | 1
  readonly input: number
  readonly output: number
  readonly written: number
  readonly read: number
  readonly source: LedgerRow['source']
}

/** One call: its caller's side, and the upstream's once it has come there. */
export interface Scene {
  readonly call: RawCall
  readonly coming: Promise<OriginCall>
}

/** A relay with many tenants, each of which makes one call whose figures are looked at everywhere. */
export interface SettleWorld {
  readonly relay: RelayProcess
  /** Makes one call on a route: it has one row with these figures, and its buckets, its budget and the next call agree with it. */
  readonly settles: (
    name: string,
    wanted: Figures & { readonly end: string },
    route: string,
    run: (scene: Scene) => Promise<unknown>,
  ) => void
}

// Figures in thousands, as that is how exactly callers are told of their buckets.
const creation = { ephemeral_5m_input_tokens: 400_000, ephemeral_1h_input_tokens: 30_000 }

/** The usage of the one message there is. */
export const told = { input_tokens: 25_000, output_tokens: 1, cache_read_input_tokens: 9_000, cache_creation: creation }

const texts = ['a'.repeat(8_000), 'b'.repeat(12_000), 'c'.repeat(20_000)]

/** The events of the message: its text looks like more output than it is. */
export const events: readonly Buffer[] = messageStream(texts, told, 7_000)

/** Where a stream can end: after its head, and after each event. */
export const moments: readonly string[] = [
  'the head',
  ...events.map((bytes, at) => `${/event: (\w+)/.exec(bytes.toString())![1]} (${at + 1})`),
]

const request = { stream: true, max_tokens: 100 }
const input = Math.ceil(messageCall('x', request).toString().split('\r\n\r\n')[1]!.length / 4)

export const nothing: Figures = { requests: 0, input: 0, output: 0, written: 0, read: 0, source: 'none' }
export const requestOnly: Figures = { ...nothing, requests: 1 }
/** All that is known of a call that went out: its size. */
export const sentOnly: Figures = { ...requestOnly, input, source: 'estimated' }
const started: Figures = { requests: 1, input: 25_000, output: 1, written: 430_000, read: 9_000, source: 'estimated' }
export const exact: Figures = { ...started, output: 7_000, source: 'exact' }

/** What is known when at least one event has passed: the start's input, a quarter of the text's bytes; then what the API says in the end. */
export function knownAfter(passed: number): Figures {
  const observed = [0, 1, 1, 1, 2_000, 5_000, 10_000, 10_000][passed]
  return observed === undefined ? exact : { ...started, output: observed }
}

/** Writes the head and so many events, and waits until the caller has them. */
export async function upTo(passed: number, { call, coming }: Scene): Promise<OriginCall> {
  const at = await coming
  at.socket.write(Buffer.concat([Buffer.from(streamHead), ...events.slice(0, passed).map(chunk)]))
  await call.head
  await call.bytes(Buffer.concat(events.slice(0, passed)).length)
  return at
}

const most = 10_000_000
/** Nothing comes back to a bucket while a test runs. */
const bucket = (burst: number) => ({ rate: '1/month', burst })
const limits = {
  requests: bucket(1_000),
  inputTokens: bucket(most),
  outputTokens: bucket(most),
  concurrency: 1,
  budget: '1000000usd/month',
}
const price = { input: 1_000, output: 10_000, cacheWrite5m: 2_000, cacheWrite1h: 3_000, cacheRead: 100, longPrompt: false }

/** Starts it. */
export async function settleWorld(t: Test): Promise<SettleWorld> {
  const tenants = Array.from({ length: 100 }, (_, at) => `tenant-${at}`)
  let serve: (call: OriginCall) => void = () => undefined
  const upstream = await origin(t, (call) => serve(call))
  const to = (more: object) => ({ to: 'claude', rewrite: '/', ...more })
  const config = {
    upstreams: {
      claude: { url: upstream.url, kind: 'claude', credential: { env: 'SHARED_KEY' } },
      gone: { url: 'http://127.0.0.1:1', kind: 'claude' },
    },
    routes: {
      '/': 'claude',
      gone: { to: 'gone', rewrite: '/' },
      drained: to({ onLeave: 'drain' }),
      passed: to({ compression: 'pass' }),
      hasty: to({ timeouts: { idle: '60ms', firstByte: '60ms' } }),
    },
    tenants: tenantsWith(tenants, limits),
    prices: { 'claude-opus-5-5': price },
    ledger: { flush: '20ms' },
    log: { access: false },
    shed: false,
  }
  const relay = await relayProcess(t, config, { env: { SHARED_KEY: 'sk-ant-shared' } })
  const settles: SettleWorld['settles'] = (name, wanted, route, run) => {
    const tenant = tenants.shift()!
    void t.test(name, async (t) => {
      serve = () => undefined
      const coming = upstream.next()
      await run({ call: rawCall(relay.port, messageCall(tenant, request, `${route}/v1/messages`)), coming })
      const [row] = await rowsFor(relay, tenant, 1)
      // A look at the buckets by a call that the API fails: it costs nothing, and needs the tenant's only permit.
      serve = ({ socket }) => socket.write(answer(500, '{}'))
      const looking = rawCall(relay.port, messageCall(tenant, { max_tokens: 1 }))
      const look = await looking.reply
      looking.socket.destroy()
      await rowsFor(relay, tenant, 2)

      const { input, output, source, end, written, read } = wanted
      t.match(row, { input, output, source, end, cacheRead: read, costNanoUsd: costOf(wanted) })
      t.equal(row!.cacheWrite5m + row!.cacheWrite1h, written)
      t.equal(look.status, 500, 'its permit is free again')
      t.strictSame(leftOf(look.fields), {
        requests: 999 - wanted.requests,
        'input-tokens': thousands(most - input - written),
        'output-tokens': thousands(most - output),
      })
      t.equal(spent(relay, tenant), costOf(wanted), 'its budget')
      t.equal(rowsOf(relay, tenant).length, 2, 'one row for the call, and one for the look')
    })
  }
  return { relay, settles }
}

function leftOf(fields: ReadonlyMap<string, string>): Record<string, number> {
  const kinds = ['requests', 'input-tokens', 'output-tokens']
  return Object.fromEntries(kinds.map((kind) => [kind, Number(fields.get(`anthropic-ratelimit-${kind}-remaining`))]))
}

function costOf({ input, output, written, read }: Figures): number {
  const hour = written === 0 ? 0 : creation.ephemeral_1h_input_tokens
  return input * 1e6 + output * 1e7 + (written - hour) * 2e6 + hour * 3e6 + read * 1e5
}

function thousands(tokens: number): number {
  return Math.round(tokens / 1_000) * 1_000
}

function spent({ home }: RelayProcess, tenant: string): number {
  const db = new DatabaseSync(home.path('relay-ledger.db'), { readOnly: true })
  const row = db.prepare("SELECT coalesce(sum(spent), 0) AS spent FROM budgets WHERE key LIKE '%tenant=' || ? || '|%'").get(tenant)
  db.close()
  return Number(row?.['spent'])
}
