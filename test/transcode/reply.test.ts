import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import t from 'tap'
import type { TranscoderOptions } from '../../src/transcode/types.ts'
import { asked, bytesOf, shopOf } from './shop.ts'

/** A reply's message, and the JSON that goes out. */
interface Case {
  readonly out?: string
  readonly response?: string
  readonly options?: Partial<TranscoderOptions>
  readonly message: JsonValue
  readonly json: string
}

const emit = { emitDefaults: true }

const cases: readonly Case[] = [
  { message: {}, json: '{}' },
  { message: { name: 'x', isOk: true }, json: '{"name":"x","isOk":true}' },
  { message: { size: 0, name: '', isOk: false, tags: [], color: 'NONE' }, json: '{}' },
  { message: { nick: '' }, json: '{"nick":""}' },
  { message: { number: 0 }, json: '{"number":0}' },
  { message: { '@etag': 'x' }, json: '{"@etag":"x"}' },
  {
    message: { big: '-9223372036854775808', huge: '18446744073709551615' },
    json: '{"big":"-9223372036854775808","huge":"18446744073709551615"}',
  },
  { message: { weight: 'NaN', ratio: '-Infinity' }, json: '{"weight":"NaN","ratio":"-Infinity"}' },
  { message: { data: '-_8' }, json: '{"data":"+/8="}' },
  { message: { color: 7, colors: [1, 99] }, json: '{"color":"DARK_BLUE","colors":["RED",99]}' },
  {
    message: { madeAt: '2026-01-02T03:04:05.123456789Z', lasts: '1.500s', mask: 'name,isOk' },
    json: '{"madeAt":"2026-01-02T03:04:05.123456789Z","lasts":"1.500s","mask":"name,isOk"}',
  },
  {
    message: { labels: { a: 'x' }, shades: { 1: 'RED' }, flags: { true: '1' } },
    json: '{"labels":{"a":"x"},"shades":{"1":"RED"},"flags":{"true":"1"}}',
  },
  { message: { more: { a: [1, null, { b: true }] }, anyValue: null }, json: '{"more":{"a":[1,null,{"b":true}]},"anyValue":null}' },
  {
    message: { detail: { '@type': 'type.googleapis.com/shop.v1.Owner', id: 'a' } },
    json: '{"detail":{"id":"a","@type":"type.googleapis.com/shop.v1.Owner"}}',
  },
  {
    message: { detail: { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' } },
    json: '{"detail":{"value":"1s","@type":"type.googleapis.com/google.protobuf.Duration"}}',
  },
  { message: { name: 'café 😀 \u2028 </script>' }, json: '{"name":"café 😀 \u2028 </script>"}' },
  { out: 'Wrapped', message: { i64: '0', s: '', b: false, many: ['1'] }, json: '{"i64":"0","s":"","b":false,"many":["1"]}' },
  { out: 'google.protobuf.Empty', message: {}, json: '{}' },
  { out: 'google.protobuf.Struct', message: { a: 1 }, json: '{"a":1}' },
  { out: 'google.protobuf.Timestamp', message: '2026-01-02T00:00:00Z', json: '"2026-01-02T00:00:00Z"' },
  { out: 'Owner', options: emit, message: {}, json: '{"id":"","fullName":"","nums":[],"age":0}' },
  {
    out: 'Owner',
    options: emit,
    message: { parent: {}, age: 5 },
    json: '{"id":"","fullName":"","parent":{"id":"","fullName":"","nums":[],"age":0},"nums":[],"age":5}',
  },
  { out: 'Wrap', response: 'thing', message: { thing: { name: 'x' }, word: 'w' }, json: '{"name":"x"}' },
  { out: 'Wrap', response: 'thing', message: {}, json: '{}' },
  { out: 'Wrap', response: 'things', message: { things: [{ name: 'x' }, {}] }, json: '[{"name":"x"},{}]' },
  { out: 'Wrap', response: 'things', message: {}, json: '[]' },
  { out: 'Wrap', response: 'word', message: { word: 'w' }, json: '"w"' },
  { out: 'Wrap', response: 'word', message: {}, json: '""' },
  { out: 'Wrap', response: 'total', message: { total: '5' }, json: '"5"' },
  { out: 'Wrap', response: 'total', message: {}, json: '"0"' },
  { out: 'Wrap', response: 'size', message: {}, json: '0' },
  { out: 'Wrap', response: 'is_ok', message: {}, json: 'false' },
  { out: 'Wrap', response: 'isOk', message: { isOk: true }, json: 'true' },
  { out: 'Wrap', response: 'color', message: {}, json: '"NONE"' },
  { out: 'Wrap', response: 'color', message: { color: 'RED' }, json: '"RED"' },
  { out: 'Wrap', response: 'made_at', message: { madeAt: '2026-01-02T00:00:00Z' }, json: '"2026-01-02T00:00:00Z"' },
  { out: 'Wrap', response: 'made_at', message: {}, json: 'null' },
  { out: 'Wrap', response: 'labels', message: {}, json: '{}' },
  { out: 'Wrap', response: 'labels', message: { labels: { a: 'b' } }, json: '{"a":"b"}' },
]

t.test('a reply is proto3 JSON, or the field that the rule names', async (t) => {
  for (const { out = 'Thing', response, options, message, json } of cases) {
    const rule: JsonObject = { get: '/v1', ...(response === undefined ? {} : { responseBody: response }) }
    const { match } = asked(shopOf({ Call: { in: 'Owner', out, rule } }, options), 'GET /v1')

    const rendered = match.reply(bytesOf(out, message))

    t.strictSame(
      { ...rendered, bytes: rendered.bytes.toString() },
      { is: 'json', bytes: json, contentType: 'application/json' },
      encodeURI(json),
    )
  }
})

t.test('google.api.HttpBody goes out as its bytes, with its type', async (t) => {
  const whole = asked(shopOf({ Call: { in: 'Owner', out: 'google.api.HttpBody', rule: { get: '/v1' } } }), 'GET /v1').match
  const field = asked(shopOf({ Call: { in: 'Owner', out: 'Upload', rule: { get: '/v1', responseBody: 'file' } } }), 'GET /v1').match
  const json = asked(shopOf({ Call: { in: 'Owner', out: 'Upload', rule: { get: '/v1' } } }), 'GET /v1').match
  const body = { contentType: 'image/png', data: '/wA=' }

  t.strictSame([whole.rawReply, field.rawReply, json.rawReply], [true, true, false])
  t.strictSame(whole.reply(bytesOf('google.api.HttpBody', body)), { is: 'raw', bytes: Buffer.from([0xff, 0]), contentType: 'image/png' })
  t.strictSame(field.reply(bytesOf('Upload', { id: 'x', file: body })), {
    is: 'raw',
    bytes: Buffer.from([0xff, 0]),
    contentType: 'image/png',
  })
  t.strictSame(field.reply(bytesOf('Upload', { id: 'x' })), { is: 'raw', bytes: Buffer.alloc(0), contentType: 'application/octet-stream' })
  t.strictSame(whole.reply(bytesOf('google.api.HttpBody', { contentType: 'a/b\r\nx: y' })).contentType, 'application/octet-stream')
  t.equal(json.reply(bytesOf('Upload', { file: body })).bytes.toString(), '{"file":{"contentType":"image/png","data":"/wA="}}')
})

t.test('a reply that is no such message, or has no JSON, is the upstream’s failure', async (t) => {
  const { match } = asked(shopOf({ Call: { in: 'Owner', out: 'Thing', rule: { get: '/v1' } } }), 'GET /v1')
  const unknownAny = Buffer.from('f2010f0a0a782f6e6f626f64792e58120101', 'hex')

  t.throws(() => match.reply(Buffer.from([0x0a, 0x05, 0x41])), fails(/the reply is no shop.v1.Thing/))
  t.throws(() => match.reply(Buffer.from([0x0a, 0x01, 0xff])), fails(/the reply is no shop.v1.Thing/), 'not UTF-8')
  t.throws(() => match.reply(unknownAny), fails(/the reply has no JSON: .*nobody/))
})

t.test('unknown fields of a reply are left out', async (t) => {
  const { match } = asked(shopOf({ Call: { in: 'Thing', out: 'Owner', rule: { get: '/v1' } } }), 'GET /v1')

  t.equal(match.reply(Buffer.from('0a0161ba3e0162', 'hex')).bytes.toString(), '{"id":"a"}')
})

t.test('Connect’s JSON is the whole message, whatever the rules say', async (t) => {
  const method = shopOf({ Call: { in: 'Thing', out: 'Wrap', rule: { get: '/v1', responseBody: 'word' } } }).method('/shop.v1.Shop/Call')!

  t.same(method.requestFromJson(Buffer.from('{"name":"x","nope":1}')), bytesOf('Thing', { name: 'x' }))
  t.equal(method.replyToJson(bytesOf('Wrap', { word: 'w', size: 1 })).toString(), '{"word":"w","size":1}')
  t.throws(() => method.requestFromJson(Buffer.from('{')), fails(/JSON/, 'bad_request'))
  t.throws(() => method.requestFromJson(Buffer.from('{"size":"x"}')), fails(/size/, 'bad_request'))
  t.throws(() => method.replyToJson(Buffer.from([255])), fails(/no shop.v1.Wrap/))
})

function fails(
  message: RegExp,
  failure = 'upstream_failed',
): { readonly name: string; readonly message: RegExp; readonly failure: string } {
  return { name: 'RelayError', failure, message }
}
