import t from 'tap'
import type { RelayError } from '../../src/base/errors.ts'
import { asked, bytesOf, shopOf } from './shop.ts'

const mostMessage = 1 << 22
const methods = {
  Wrap: { in: 'Wrap', out: 'Wrap', rule: { post: '/v1/wrap', body: '*' } },
  Thing: { in: 'Thing', out: 'Thing', rule: { post: '/v1/thing', body: '*' } },
  Many: { in: 'Thing', out: 'Thing', rule: { post: '/v1/many', body: 'owners' } },
}
const shop = shopOf(methods, { mostMessage })
const withDefaults = shopOf(methods, { mostMessage, emitDefaults: true })
const thing = shop.method('/shop.v1.Shop/Thing')!
const wrap = shop.method('/shop.v1.Shop/Wrap')!

t.test('JSON of too many values is too large, and says the bound', async (t) => {
  for (const [what, json] of [
    ['empty messages', `{"owners":[${times('{}', 60_000)}]}`],
    ['messages of many fields', `{"detail":null,"owners":[${times('{"age": 1}', 30_000)}]}`],
    ['members of a Struct', `{"more":{${Array.from({ length: 60_000 }, (_, at) => `"k${at}":1`).join()}}}`],
    ['lists in lists', `{"anyValue":[${times('[]', 60_000)}]}`],
    ['numbers', `{"colors":[${times('1', 201_000)}]}`],
    ['texts', `{"tags":[${times('""', 101_000)}]}`],
    ['letters of a mask', `{"mask":"${'A'.repeat(500_000)}"}`],
    ['letters of masks in a tree', `{"detail":{"@type":"x/shop.v1.Thing","mask":"${'a,'.repeat(250_000)}"}}`],
  ] as const) {
    t.match(failureOf(post('/v1/thing', json)), { failure: 'too_large', message: /more than 100000 values/ }, what)
    t.match(
      failureOf(() => thing.requestFromJson(Buffer.from(json))),
      { failure: 'too_large' },
      `${what}, of a Connect caller`,
    )
    t.match(
      failureOf(() => thing.fromHttp(Buffer.from(json), 'application/json')),
      { failure: 'upstream_failed', message: /more than 100000 values/ },
      `${what}, of an upstream`,
    )
  }
  t.match(failureOf(post('/v1/many', `[${times('{}', 60_000)}]`)), { failure: 'too_large' }, 'a body that is one field')
  const lines = asked(shop, 'POST /v1/thing').match.requests('', 'application/x-ndjson')
  const stream = (): unknown => lines.push(Buffer.from(`{"tags":[${times('""', 101_000)}]}\n`), () => t.fail('it was made'))
  t.match(failureOf(stream), { failure: 'too_large' }, 'a message of a stream')
})

t.test('a number of very many digits is too large, as a text too', async (t) => {
  const digits = '9'.repeat(100_000)

  for (const json of [`{"big":${digits}}`, `{"big":"${digits}"}`, `{"weight":${digits}}`])
    t.match(failureOf(post('/v1/thing', json)), { failure: 'too_large', message: /a number of more than 65536 digits/ })
})

t.test('a protobuf message of too many values is too large, and an upstream that sends one has failed', async (t) => {
  const things = repeated('1200', 20_000)
  const owners = repeated('ba0100', 70_000)
  const strangers = repeated('ca3e00', 101_000)
  const group = Buffer.concat([hex('cb3e'), repeated('1200', 101_000), hex('cc3e')])
  const packed = Buffer.concat([hex('da01'), varint(201_000), Buffer.alloc(201_000, 1)])
  const nested = within(hex('2a'), repeated('2a00', 101_000))
  const entries = within(hex('ca01'), repeated('0a080a016112031a0161', 40_000))
  const mask = within(hex('6a'), within(hex('0a'), Buffer.alloc(500_000, 'a_')))
  const any = within(hex('f201'), within(hex('12'), owners), within(hex('0a'), Buffer.from('type.googleapis.com/shop.v1.Thing')))

  t.match(
    failureOf(() => wrap.toHttp(things)),
    { failure: 'too_large', message: /more than 100000 values/ },
    'empty messages of many fields',
  )
  for (const [what, bytes] of Object.entries({ owners, strangers, group, packed, nested, entries, mask, any })) {
    t.match(
      failureOf(() => thing.toHttp(bytes)),
      { failure: 'too_large', message: /more than 100000 values/ },
      what,
    )
    t.match(
      failureOf(() => thing.toHttpBody(bytes)),
      { failure: 'too_large' },
      `${what}, in a stream`,
    )
    const upstream = { failure: 'upstream_failed', message: /more than 100000 values/ }
    t.match(
      failureOf(() => asked(shop, 'POST /v1/thing').match.reply(bytes)),
      upstream,
      `${what}, of an upstream`,
    )
    t.match(
      failureOf(() => thing.replyToJson(bytes)),
      upstream,
      `${what}, for a Connect caller`,
    )
  }
})

t.test('where defaults are written, messages cost by their fields', async (t) => {
  const bytes = repeated('1200', 12_000)

  const plain = asked(shop, 'POST /v1/wrap').match.reply(bytes)
  const failed = failureOf(() => asked(withDefaults, 'POST /v1/wrap').match.reply(bytes))

  t.equal(plain.bytes.length, 12_000 * 3 + 12)
  t.match(failed, { failure: 'upstream_failed', message: /more than 100000 values/ })
})

t.test('large messages of fewer values pass, whatever stands in their texts', async (t) => {
  const note = ',:{[\\"'.repeat(100_000)
  const upper = 'A'.repeat(1_000_000)
  const owners = Array.from({ length: 10_000 }, (_, age) => ({ age: age + 1 }))
  const json = { name: note, data: upper, owners, mask: 'isOk,madeAt', colors: Array.from({ length: 50_000 }, () => 1) }

  const bytes = thing.requestFromJson(Buffer.from(JSON.stringify(json)))

  t.ok(Buffer.from(bytes).equals(bytesOf('Thing', json)))
  t.equal((JSON.parse(thing.replyToJson(bytes).toString()) as { owners: unknown[] }).owners.length, 10_000)
})

t.test('bytes that are no message are said to be none, however long', async (t) => {
  const broken = Buffer.concat([repeated('ba0100', 10_000), hex('0aff')])

  t.match(
    failureOf(() => thing.toHttp(broken)),
    { failure: 'bad_request' },
  )
  t.match(
    failureOf(() => thing.replyToJson(broken)),
    { failure: 'upstream_failed', message: /no shop.v1.Thing/ },
  )
})

function post(path: string, json: string): () => unknown {
  return () => asked(shop, `POST ${path}`).match.request('', Buffer.from(json), 'application/json')
}

function failureOf(doing: () => unknown): Partial<RelayError> {
  try {
    doing()
  } catch (error) {
    return error as RelayError
  }
  return {}
}

function times(item: string, count: number): string {
  return Array.from({ length: count }, () => item).join()
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function repeated(text: string, count: number): Buffer {
  return Buffer.alloc((count * text.length) / 2, hex(text))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left & 127) | 128)
  }
}

/** A field with these bytes. */
function within(tag: Buffer, ...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([tag, varint(bytes.length), bytes])
}
