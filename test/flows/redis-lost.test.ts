import t from 'tap'
import { relay as run } from '../helpers/cli.ts'
import { placeOf, redisServer } from '../helpers/redis.ts'
import { ask, claudeOrigin, redisConfig, relayNodes } from './nodes.ts'
import { until } from './until.ts'

t.test('a Redis that comes back without its data is told in the log, once: tenants are gone, buckets begin anew', async (t) => {
  // Given tenants and limits in a Redis that persists nothing.
  const [server, claude] = await Promise.all([redisServer(t), claudeOrigin(t, { input: 10, output: 10 })])
  const place = placeOf({ is: 'single', host: '127.0.0.1', port: server.port, db: 0 })
  const [node] = await relayNodes(t, 1, {
    upstreams: { claude: claude.upstream },
    routes: { '/': 'claude' },
    tenantsFrom: 'redis',
    redis: redisConfig(place, { timeout: '250ms' }),
    ledger: false,
  })
  const add = async (name: string) => {
    const { out } = await run(node!.home, 'tenant', 'add', name, '--config', 'relay.config.yaml', '--json')
    const { key } = JSON.parse(out) as { readonly key: string }
    await until(async () => (await ask(node!, { key, digest: '' })).status === 200)
    return { key, digest: '' }
  }
  const key = await add('search')
  await add('shop')

  // When it is killed and started again.
  await server.kill()
  await node!.logged('Redis is away')
  await server.start()
  const tenants = await node!.logged('the store of tenants is empty')
  const limits = await node!.logged('Redis has lost its data')
  const { status } = await ask(node!, key)
  await add('search')

  // Then who looks for a reason finds it, once.
  t.match(tenants, { level: 'warn', msg: /: 2 known before, none now; their keys are refused: restore them, or add them again/ })
  t.match(limits, { level: 'warn', msg: /buckets and budgets begin anew \(let it persist: appendonly yes/ })
  t.equal(status, 401)
  for (const text of ['the store of tenants is empty', 'Redis has lost its data']) t.equal(node!.log().split(text).length, 2, text)
})
