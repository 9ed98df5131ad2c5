import t from 'tap'

import { catalogue } from '../../src/metrics/catalogue.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import { metricsRegistry } from '../../src/metrics/registry.ts'

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Family {
  readonly type: string
  readonly lines: Line[]
}

/** Strict: a family is HELP, then TYPE, then its own lines, each of them once; everything else throws. */
function parse(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let helped = ''
  let current = ''
  for (const line of text.split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (comment?.[1] === 'HELP') helped = comment[2] ?? ''
    else if (comment?.[1] === 'TYPE') {
      current = comment[2] ?? ''
      if (helped !== current || families.has(current)) throw new Error(`out of order: ${line}`)
      families.set(current, { type: comment[3] ?? '', lines: [] })
    } else if (line !== '') {
      const id = line.slice(0, line.lastIndexOf(' '))
      if (seen.has(id)) throw new Error(`twice: ${line}`)
      seen.add(id)
      families.get(current)?.lines.push(parseLine(line, current))
    }
  }
  return families
}

function parseLine(line: string, family: string): Line {
  const match = /^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[\d.e+-]+)$/.exec(line)
  if (match === null) throw new Error(`malformed: ${line}`)
  const [, name = '', labelText = '', value] = match
  if (!/^(|_bucket|_sum|_count)$/.test(name.replace(family, ''))) throw new Error(`a stranger in ${family}: ${line}`)
  const labels = [...labelText.matchAll(/([a-z]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, unescaped(text)])
  return { name, labels: Object.fromEntries(labels), value: Number(value) }
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_all, char: string) => (char === 'n' ? '\n' : char))
}

function world({ routes = 256 } = {}) {
  const shared = numbers({ workers: 2, routes })
  const registry = metricsRegistry({
    numbers: shared,
    control: () => ({
      version: '1.2.3',
      configVersion: 4,
      lastReloadSuccessful: false,
      workers: 2,
      workerRestarts: 1,
      drainPhase: 'closing',
      logLinesDropped: 3,
    }),
  })
  const scrape = async () => parse((await registry.render(undefined)).text)
  return { shared, registry, scrape, column: workerColumn(shared.memory, 1) }
}

t.test('every metric of the catalogue is exposed with its type, its help and no other label', async (t) => {
  const { shared, scrape, column } = world()
  shared.routeSlots.slotsOf(['a'])
  column.callEnded(1, 200, 5, 'done')

  const families = await scrape()

  t.strictSame(
    [...families.keys()],
    catalogue.map(({ name }) => name),
  )
  for (const { name, type, labels } of catalogue) {
    t.equal(families.get(name)?.type, type, name)
    for (const line of families.get(name)?.lines ?? []) {
      t.ok(
        Object.keys(line.labels).every((label) => labels.includes(label)),
        `labels of ${name}`,
      )
    }
  }
})

t.test('buckets are cumulative and the last is the count', async (t) => {
  const { shared, scrape, column } = world()
  shared.routeSlots.slotsOf(['a'])
  for (const ms of [0.1, 3, 3, 70, 700_000]) column.callEnded(1, 200, ms, 'done')

  const lines = (await scrape()).get('relay_call_duration_seconds')?.lines ?? []

  const buckets = lines.filter(({ name }) => name.endsWith('_bucket'))
  const [sum, count] = lines.filter(({ name }) => !name.endsWith('_bucket'))
  t.ok(buckets.every(({ value }, index) => value >= (buckets[index - 1]?.value ?? 0)))
  t.ok(buckets.slice(0, -1).every(({ labels }, index) => Number(labels['le']) > Number(buckets[index - 1]?.labels['le'] ?? 0)))
  t.strictSame(buckets.at(-1)?.labels, { route: 'a', le: '+Inf' })
  t.equal(buckets.at(-1)?.value, 5)
  t.equal(buckets.find(({ labels }) => labels['le'] === '0.005')?.value, 3)
  t.match(sum, { name: 'relay_call_duration_seconds_sum', value: 700.0761 })
  t.match(count, { name: 'relay_call_duration_seconds_count', value: 5 })
})

t.test('only statuses that were answered are listed, and an odd route name stays one label', async (t) => {
  const { shared, scrape, column } = world()
  const name = 'v1/"odd\\route"\nx'
  shared.routeSlots.slotsOf([name])
  column.callEnded(1, 200, 5, 'done')
  column.callEnded(1, 529, 5, 'done')
  column.callEnded(1, 299, 5, 'done')

  const calls = (await scrape()).get('relay_calls_total')?.lines

  t.strictSame(
    calls?.map(({ labels }) => labels),
    [
      { route: name, status: 'other' },
      { route: name, status: '200' },
      { route: name, status: '529' },
    ],
  )
})

t.test('routes beyond the cap are counted as other', async (t) => {
  const { shared, scrape, column } = world({ routes: 3 })
  const slots = shared.routeSlots.slotsOf(['a', 'b', 'c', 'd'])

  for (const slot of slots) column.callEnded(slot, 200, 5, 'done')

  const calls = (await scrape()).get('relay_calls_total')?.lines
  t.strictSame(
    calls?.map(({ labels, value }) => [labels['route'], value]),
    [
      ['other', 2],
      ['a', 1],
      ['b', 1],
    ],
  )
})

t.test('pools, tokens, refusals and what control knows are told in their own labels', async (t) => {
  const { shared, scrape, column } = world()
  shared.routeSlots.slotsOf(['a'])
  shared.upstreamSlots.slotsOf(['claude'])
  const pool = column.pool(1)
  pool.limit(9)
  pool.gauges(5, 2, 1)
  pool.connectFailed()
  column.tokens(1, { input: 1, output: 2, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5, estimated: true })
  column.refused(0)
  column.eventLoopLag(12)

  const families = await scrape()

  const told = (name: string) => families.get(name)?.lines.map(({ labels, value }) => [...Object.values(labels), value])
  t.strictSame(told('relay_pool_connections'), [
    ['claude', 'active', 3],
    ['claude', 'idle', 2],
  ])
  t.strictSame(told('relay_pool_waiting'), [['claude', 1]])
  t.strictSame(told('relay_pool_limit'), [['claude', 9]])
  t.strictSame(told('relay_upstream_connect_failures_total'), [['claude', 1]])
  t.strictSame(
    told('relay_tokens_total')?.map(([, type, value]) => [type, value]),
    [
      ['input', 1],
      ['output', 2],
      ['cache_write_5m', 3],
      ['cache_write_1h', 4],
      ['cache_read', 5],
    ],
  )
  t.strictSame(told('relay_usage_calls_total'), [
    ['a', 'reported', 0],
    ['a', 'estimated', 1],
  ])
  t.strictSame(told('relay_refused_total'), [['bad_request', 1]])
  t.strictSame(told('relay_event_loop_lag_seconds'), [
    ['0', 0],
    ['1', 0.012],
  ])
  t.strictSame(told('relay_drain_phase'), [
    ['serving', 0],
    ['closing', 1],
    ['draining', 0],
    ['drained', 0],
  ])
  t.strictSame(told('relay_config_last_reload_successful'), [[0]])
  t.strictSame(told('relay_log_lines_dropped_total'), [[3]])
  t.strictSame(told('relay_build_info'), [['1.2.3', process.versions.node, 1]])
})

t.test('a scraper that asks for OpenMetrics gets it, scrape after scrape, and the other format stays as it is', async (t) => {
  const { shared, registry, column } = world()
  shared.routeSlots.slotsOf(['a'])
  column.callEnded(1, 200, 5, 'done')
  const before = await registry.render('text/plain')
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
  await registry.render(accept)

  const open = await registry.render(accept)
  const after = await registry.render('text/plain')

  t.match(open.type, 'application/openmetrics-text; version=1.0.0')
  t.match(open.text, '# TYPE relay_calls counter\nrelay_calls_total{route="a",status="200"} 1\n')
  t.match(open.text, /relay_call_duration_seconds_bucket\{route="a",le="0.005"\} 1\n/)
  t.match(open.text, /\n# EOF\n$/)
  t.match(after.text, '# TYPE relay_calls_total counter\nrelay_calls_total{route="a",status="200"} 1\n')
  t.equal(after.type, before.type)
})
