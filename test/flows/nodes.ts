import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { RedisPlace } from '../../src/base/redis.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { post, rawCall, type RawReply } from './caller.ts'
import { answer, origin, type Origin, type OriginCall } from './origin.ts'

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A key as relay makes them, and how relay knows it. */
export interface TenantKey {
  readonly key: string
  readonly digest: string
}

/** A key that is always the same one. */
export function tenantKey(name: string): TenantKey {
  const key = `rk_${name.padEnd(43, 'x')}`
  return { key, digest: `sha256:${createHash('sha256').update(key).digest('hex')}` }
}

/** Where relays find a test's Redis, as their config says it. */
export function redisConfig({ mode }: RedisPlace, more: object = {}): object {
  if (mode.is === 'cluster') return { cluster: mode.nodes.map(({ host, port }) => `${host}:${port}`), ...more }
  if (mode.is === 'single') return { url: `redis://${mode.host}:${mode.port}`, ...more }
  throw new Error('these tests have no Sentinels')
}

/** Starts so many relays with one config; they end with the test. */
export async function relayNodes(t: Scope, count: number, config: object): Promise<readonly RelayProcess[]> {
  return Promise.all(Array.from({ length: count }, async () => relayProcess(t, config, { env: { SHARED_KEY: 'sk-ant-shared' } })))
}

/** An upstream whose every answer has used so many tokens; while it is told to hold, it keeps them. */
export interface Claude {
  readonly calls: Origin['calls']
  /** How a config names it. */
  readonly upstream: object
  hold(): void
  release(): void
}

export async function claudeOrigin(t: Scope, used: { readonly input: number; readonly output: number }): Promise<Claude> {
  const usage = { input_tokens: used.input, output_tokens: used.output }
  const message = JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model, content: [], usage })
  let held: OriginCall[] | null = null
  const reply = ({ socket }: OriginCall): void => void socket.write(answer(200, message))
  const { calls, url } = await origin(t, (call) => (held === null ? reply(call) : void held.push(call)))
  return {
    calls,
    upstream: { url, kind: 'claude', credential: { env: 'SHARED_KEY' } },
    hold: () => void (held ??= []),
    release: () => {
      const kept = held ?? []
      held = null
      kept.forEach(reply)
    },
  }
}

/** The model that all of them ask for. */
export const model = 'claude-test'

/** A call that may cost so many tokens of output. */
export function messageOf(maxTokens: number): string {
  return JSON.stringify({ model, max_tokens: maxTokens, messages: [{ role: 'user', content: 'hi' }] })
}

/** One call with a tenant's key, on a connection of its own. */
export async function ask({ port }: { readonly port: number }, { key }: TenantKey, body = messageOf(100)): Promise<RawReply> {
  const call = rawCall(port, post('/v1/messages', body, [`x-api-key: ${key}`, 'anthropic-version: 2023-06-01']))
  try {
    return await call.reply
  } finally {
    call.socket.destroy()
  }
}

/** What came of a caller that asks again for as long as it is told to, and how often it was told what. */
export interface Insisted {
  readonly last: RawReply
  readonly statuses: readonly number[]
}

/** Asks until it is let through, is told to stop, or has asked so often. */
export async function insist(
  node: { readonly port: number },
  key: TenantKey,
  { body = messageOf(100), most = 200 } = {},
): Promise<Insisted> {
  const statuses: number[] = []
  for (;;) {
    const last = await ask(node, key, body)
    statuses.push(last.status)
    if (last.status === 200 || last.fields.get('x-should-retry') === 'false' || statuses.length === most) return { last, statuses }
    // Sooner than `retry-after` says, which is in whole seconds.
    await wait(200)
  }
}
