import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call } from '../../src/engine/call.ts'
import type { Pool } from '../../src/engine/pool.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import { outgoingPath } from '../../src/stages/aim.ts'
import { recipe, type Ingredients } from '../../src/stages/recipe.ts'
import { RelayError } from '../../src/base/errors.ts'
import type { Limit } from '../../src/base/limit.ts'
import { callOf, outgoing, written } from '../engine/shapes.ts'
import { rate } from '../limits/world.ts'
import { limitWorld, noTokens, tenantOf, type LimitWorld } from './limit-world.ts'

interface Kitchen {
  readonly sent: readonly Call[]
  readonly run: (call: Call) => Promise<Reply>
}

function kitchen(use: Partial<Ingredients>): Kitchen {
  const sent: Call[] = []
  const pool: Pick<Pool, 'dispatch'> = {
    dispatch: async (call) => {
      sent.push(call)
      return new Reply(200, null, Body.of(Buffer.alloc(0)))
    },
  }
  const run = recipe({
    column: workerColumn(numbers({ workers: 1 }).memory, 0),
    log: null,
    sweep: new Sweep(),
    // Stages use a pool to send a call, and for nothing else.
    pool: pool as Pool,
    kind: 'claude',
    path: { is: 'prefix', path: '/' },
    rewrite: null,
    base: '',
    guardedHosts: null,
    bodyLimit: null,
    defaultBodyLimit: 1000,
    firstByteMs: 100,
    idleMs: 100,
    forwards: false,
    requestHeaders: [],
    replyHeaders: [],
    credential: null,
    asksIdentity: true,
    pingMs: null,
    refusal: null,
    upgrades: [],
    translation: { is: 'none' },
    load: null,
    tenants: null,
    isShared: false,
    withholdsKeys: false,
    peek: null,
    limiting: null,
    countsElse: null,
    recording: null,
    drainsOnLeave: false,
    ...use,
  })
  return { sent, run }
}

const ours = `rk_${'a'.repeat(43)}`

/** What limits and writes down the calls of a kitchen. */
function accounts(limits: readonly Limit[] = []): Pick<LimitWorld, 'limiting' | 'recording' | 'rows'> {
  return limitWorld({ limits })
}

const messages = 'POST /v1/messages HTTP/1.1\nhost: localhost\nx-api-key: theirs\naccept-encoding: br'

t.test('a plain Claude route changes what it must and nothing else', async (t) => {
  const { run, sent } = kitchen({})

  await run(callOf(`${messages}\nanthropic-version: 2023-06-01\nanthropic-beta: b\nx-unknown: stays`))

  t.same(outgoing(sent[0]!), [
    'x-api-key: theirs',
    'anthropic-version: 2023-06-01',
    'anthropic-beta: b',
    'x-unknown: stays',
    'accept-encoding: identity',
  ])
})

t.test('no rule of the operator can leak the credential that goes in, or lose it', async (t) => {
  const { run, sent } = kitchen({
    credential: { field: 'x-api-key', secret: 'ours' },
    requestHeaders: [
      { op: 'set', name: 'X-Api-Key', value: [{ text: 'a rule' }] },
      { op: 'remove', name: 'authorization' },
      { op: 'add', name: 'x-added', value: [{ text: '1' }] },
    ],
  })

  await run(callOf(messages))

  t.same(
    outgoing(sent[0]!).filter((line) => line.startsWith('x-api-key')),
    ['x-api-key: ours'],
  )
})

t.test('a coding that a rule asks for does not stand beside the one that usage can be read in', async (t) => {
  const { run, sent } = kitchen({ requestHeaders: [{ op: 'set', name: 'accept-encoding', value: [{ text: 'gzip' }] }] })

  await run(callOf(messages))

  t.same(
    outgoing(sent[0]!).filter((line) => line.startsWith('accept-encoding')),
    ['accept-encoding: identity'],
  )
})

t.test('a rule of the operator has the last word on what is told of the caller', async (t) => {
  const { run, sent } = kitchen({
    kind: 'http',
    forwards: true,
    requestHeaders: [{ op: 'set', name: 'x-forwarded-for', value: [{ text: 'hidden' }] }],
  })

  await run(callOf(messages))

  t.same(
    outgoing(sent[0]!).filter((line) => line.startsWith('x-forwarded-for')),
    ['x-forwarded-for: hidden'],
  )
})

t.test('the limit of a body is that of the endpoint it goes to, the route’s own before it', async (t) => {
  const to = (rewrite: string, more: Partial<Ingredients> = {}): Kitchen =>
    kitchen({ path: { is: 'exact', path: '/up' }, rewrite, ...more })
  const up = (length: number): Call => callOf('POST /up HTTP/1.1\nhost: r', { body: new Body(length, null) })
  const mebibyte = 1_048_576

  t.equal((await to('/v1/files').run(up(500 * mebibyte))).status, 200)
  t.equal((await to('/v1/messages').run(up(32 * mebibyte))).status, 200)
  await t.rejects(to('/v1/messages').run(up(32 * mebibyte + 1)), { message: /33554432 bytes/ })
  await t.rejects(to('/v1/other').run(up(1001)), { message: /1000 bytes/ })
  await t.rejects(to('/v1/files', { kind: 'http' }).run(up(1001)), { message: /1000 bytes/ })
  await t.rejects(to('/v1/files', { bodyLimit: 5 }).run(up(6)), { message: /5 bytes/ })
})

t.test('a call that the guard refuses is not sent, whatever else is right with it', async (t) => {
  const { run, sent } = kitchen({ guardedHosts: ['localhost'], credential: { field: 'x-api-key', secret: 'ours' } })

  await t.rejects(run(callOf(messages.replace('localhost', 'evil.example'))), { message: /evil\.example/ })
  await run(callOf(messages))

  t.equal(sent.length, 1)
})

t.test('every call is counted once, at its end, also one that a stage refused', async (t) => {
  const shared = numbers({ workers: 1 })
  const { run } = kitchen({ column: workerColumn(shared.memory, 0), bodyLimit: 1 })
  const calls = [callOf(messages), callOf(messages, { body: new Body(2, null) })]
  const active = (): number => shared.read()[shared.layout.activeCalls] ?? -1

  await Promise.allSettled(calls.map(run))
  t.equal(active(), 2)
  for (const call of calls) call.settle('done')
  for (const call of calls) call.settle('failed')

  t.equal(active(), 0)
})

t.test('a tenant’s call: its key stays here, the upstream’s goes out, and it is told of its own limits', async (t) => {
  const { limiting, recording } = accounts()
  const tenants = { find: (key: string) => (key === ours ? tenantOf('search', { limits: [rate()] }) : null) }
  const { run, sent } = kitchen({ tenants, limiting, recording, credential: { field: 'x-api-key', secret: 'upstream' } })
  const call = callOf(messages.replace('theirs', ours))

  const reply = await run(call)

  t.same(
    outgoing(sent[0]!).filter((line) => line.startsWith('x-api-key')),
    ['x-api-key: upstream'],
  )
  t.ok(written(reply).includes('anthropic-ratelimit-requests-remaining: 4'))
})

t.test('a stranger’s call costs nothing: no bucket, no row, no byte of its body', async (t) => {
  const { limiting, recording, rows } = accounts([rate({ per: [], burst: 1 })])
  const { run, sent } = kitchen({ tenants: { find: () => null }, limiting, recording })
  const call = callOf(messages.replace('theirs', ours))

  await t.rejects(run(call), { message: /not known here/ })
  call.settle('failed')

  t.equal(sent.length, 0)
  t.same(rows, [])
})

t.test('a tenant’s call that a later stage refuses has its row, and has taken nothing', async (t) => {
  const { limiting, recording, rows } = accounts([rate({ burst: 1 })])
  const tenants = { find: () => tenantOf('search', { routes: ['elsewhere'] }) }
  const { run } = kitchen({ tenants, limiting, recording })
  const call = callOf(messages.replace('theirs', ours))
  await t.rejects(run(call), { message: /may not call the route/ })
  call.error = new RelayError('forbidden', 'as the engine notes it')
  call.status = 403
  call.settle('failed')

  t.match(rows, [{ tenant: 'search', end: 'refused', status: 403, budgets: [], costNanoUsd: 0 }])
})

t.test('while the worker is overloaded nothing is done for a call, not even a look at its key', async (t) => {
  const { run } = kitchen({
    load: { isOverloaded: true },
    tenants: {
      find: () => {
        throw new Error('it looked')
      },
    },
  })

  await t.rejects(run(callOf(messages.replace('theirs', ours))), { message: /more to do/ })
})

t.test('the body is read before limits are asked: a call is limited as the model that it names', async (t) => {
  const { limiting, recording } = accounts([rate({ name: 'opus', models: ['claude-opus-*'], per: ['model'], burst: 1 })])
  const peeks = { budget: { take: () => true, give: () => {} }, reads: 'messages', isFor: () => true } as const
  const { run } = kitchen({ peek: peeks, limiting, recording })
  const asking = async (model: string): Promise<Reply> => {
    const body = Body.of(Buffer.from(JSON.stringify({ model, max_tokens: 1 })))
    return run(callOf(`${messages}\ncontent-length: ${body.length}`, { body }))
  }

  await asking('claude-haiku-5-5')
  await asking('claude-opus-5')
  await asking('claude-haiku-5-5')

  await t.rejects(asking('claude-opus-5'), { message: /the limit opus/ })
})

t.test(
  'an upstream that counts is asked with its own credential and by the route’s rules, and the key of a tenant stays here',
  async (t) => {
    const { limiting, recording } = accounts([rate({ name: 'input-tokens', kind: 'input_tokens', count: 1000, burst: 1000 })])
    const guess = { ...noTokens, input: 7, output: 1, estimated: true, model: null }
    const { run, sent } = kitchen({
      tenants: { find: () => tenantOf() },
      ...{ limiting, recording, countsElse: () => guess },
      peek: { budget: { take: () => true, give: () => {} }, reads: 'messages', wantsWhole: true, isFor: () => true },
      credential: { field: 'x-api-key', secret: 'upstream' },
      requestHeaders: [{ op: 'set', name: 'x-rule', value: [{ text: 'yes' }] }],
    })
    const body = Body.of(Buffer.from('{"model":"claude-opus-5","max_tokens":1}'))

    await run(callOf(messages.replace('theirs', ours), { body }))

    t.equal(sent.length, 2)
    t.equal(outgoingPath(sent[0]!), '/v1/messages/count_tokens')
    for (const call of sent) {
      const lines = outgoing(call)
      t.same(
        lines.filter((line) => line.startsWith('x-')),
        ['x-rule: yes', 'x-api-key: upstream'],
      )
    }
  },
)
