import type { Anthropic } from '@anthropic-ai/sdk'
import t from 'tap'
import { ask, sdks } from '../claude/helpers.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { keyOf, rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const tenants = {
  ...tenantsWith(['search'], {}),
  ...tenantsWith(['picky'], { models: ['claude-opus-*'] }),
  ...tenantsWith(['limited'], { requests: { rate: '1/s', burst: 1 } }),
  ...tenantsWith(['poor'], { budget: '0.0001usd/month' }),
}
const config = {
  upstreams: { claude: 'builtin:claude' },
  routes: { '/': 'claude' },
  tenants,
  ledger: { flush: '20ms' },
  shed: false,
}
const relay = await relayProcess(t, config)
const key = keyOf('search')

for (const [name, sdk] of sdks) {
  const client = (tenant: string, options: object = {}): Anthropic =>
    new sdk({ apiKey: keyOf(tenant), baseURL: relay.url, maxRetries: 0, ...options })
  const failure = async (promise: Promise<unknown>): Promise<{ readonly constructor: { readonly name: string } }> =>
    promise.then(
      () => ({ constructor: { name: 'none' } }),
      // What the SDK throws is an Error.
      (error: unknown) => error as { readonly constructor: { readonly name: string } },
    )
  const callsOf = (tenant: string) => rowsOf(relay, tenant).length

  t.test(`${name} takes relay's refusals for the API's own`, async (t) => {
    const errors = {
      AuthenticationError: [401, 'authentication_error', async () => client('nobody', { maxRetries: 3 }).messages.create(ask('hi'))],
      PermissionDeniedError: [403, 'permission_error', async () => client('search', { maxRetries: 3 }).messages.batches.list()],
      BadRequestError: [
        400,
        'invalid_request_error',
        async () => client('picky', { maxRetries: 3 }).messages.create({ ...ask('hi'), model: 'claude-sonnet-5' }),
      ],
    } as const
    for (const [wanted, [status, type, call]] of Object.entries(errors)) {
      const error = await failure(call())
      t.equal(error.constructor.name, wanted)
      t.match(error, { status, error: { error: { type } } })
    }
    t.match(await new sdk({ apiKey: null, authToken: key, baseURL: relay.url }).messages.create(ask('hi')), { type: 'message' })
  })

  t.test(`${name} stops at once when the money is gone, and waits when it was too fast`, async (t) => {
    const [poor, limited] = [callsOf('poor'), callsOf('limited')]
    const spent = await failure(client('poor', { maxRetries: 5 }).messages.create(ask('hi')))
    t.equal(spent.constructor.name, 'RateLimitError')
    t.match(spent, { status: 429, error: { error: { type: 'billing_error' } } })
    await until(() => callsOf('poor') > poor)

    const started = performance.now()
    const both = client('limited', { maxRetries: 5 })
    await Promise.all([both.messages.create(ask('hi')), both.messages.create(ask('hi')), both.messages.create(ask('hi'))])

    t.ok(performance.now() - started > 1_500, 'three calls at one a second')
    await until(() => rowsOf(relay, 'limited').filter(({ status }) => status === 200).length >= 3)
    t.equal(callsOf('poor'), poor + 1, 'one attempt')
    const refused = rowsOf(relay, 'limited').slice(0, callsOf('limited') - limited)
    t.ok(refused.filter(({ status }) => status === 429).length <= 6, 'each came again when it was told to')
  })
}
