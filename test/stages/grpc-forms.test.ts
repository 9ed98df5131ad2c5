import { gzipSync } from 'node:zlib'
import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import { compose, type Call, type Stage } from '../../src/engine/call.ts'
import { framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { webText } from '../../src/protocol/grpc/web.ts'
import { codecsOf } from '../../src/stages/connect-codec.ts'
import { connect } from '../../src/stages/connect.ts'
import { grpcToJson } from '../../src/stages/grpc-to-json.ts'
import { grpcWeb } from '../../src/stages/grpc-web.ts'
import { callOf } from '../engine/shapes.ts'
import { framesIn, through, type Got } from './grpc-world.ts'
import { FakeBackend, item, plenty, shop } from './transcode-world.ts'

const stage: Stage = (call, next) =>
  compose(
    [
      grpcWeb(),
      connect({ codecs: codecsOf(shop), most: 1000 }),
      grpcToJson({ transcoder: shop, base: '', isClaude: false, mostMessage: 1000, budget: plenty }),
    ],
    next,
  )(call)
const cup = item('7', 'cup')
const frame = framed(cup)
const coded = gzipSync(cup)
const sent = ['content-type: application/json', 'accept: application/json', 'accept-encoding: identity']

async function asked(method: string, fields: string, body: Buffer | string): Promise<{ got: Got; backend: FakeBackend }> {
  const backend = new FakeBackend({ body: '{"id":"9"}' })
  const made = callOf(`POST /shop.v1.Shop/${method} HTTP/1.1\nhost: r\n${fields}`, { body: bodyOf(body) })
  return { got: await through(stage, made, backend.next), backend }
}

const callers: readonly (readonly [string, string, Buffer | string])[] = [
  ['gRPC-Web', 'content-type: application/grpc-web+proto', frame],
  ['gRPC-Web as text', 'content-type: application/grpc-web-text', webText(frame)],
  ['Connect', 'content-type: application/proto', cup],
  ['Connect with gzip', 'content-type: application/proto\ncontent-encoding: gzip', coded],
  ['Connect in JSON', 'content-type: application/json\nconnect-protocol-version: 1', '{"id":"7","name":"cup"}'],
  ['a Connect stream', 'content-type: application/connect+proto', frame],
  [
    'a Connect stream with gzip',
    'content-type: application/connect+proto\nconnect-content-encoding: gzip\nconnect-accept-encoding: gzip',
    Buffer.concat([framePrefix(coded.length, 1), coded]),
  ],
  ['a Connect stream in JSON', 'content-type: application/connect+json', framed(Buffer.from('{"id":"7","name":"cup"}'))],
]

for (const [name, fields, body] of callers) {
  t.test(`${name} reaches a REST backend, which sees nothing of it`, async (t) => {
    const { got, backend } = await asked('Put', fields, body)

    t.equal(backend.line, 'PUT /v1/items/7')
    t.strictSame(backend.lines, sent)
    t.strictSame(JSON.parse(backend.asked.text), { name: 'cup' })
    t.equal(got.status, 200)
    t.ok(got.lines.includes(`content-type: ${typeOf(fields)}`))
    const text = fields.includes('web-text') ? Buffer.from(got.bytes.toString(), 'base64').toString('latin1') : got.sink.text
    t.match(text, fields.includes('json') ? /"9"/ : item('9').toString('latin1'))
    if (fields.includes('connect+')) t.equal(framesIn(got.bytes).at(-1), '2:{}')
  })
}

t.test('a call without a body says nothing of one', async (t) => {
  const { backend } = await asked('Get', 'content-type: application/proto', cup)

  t.equal(backend.line, 'GET /v1/items/7?name=cup')
  t.strictSame(backend.lines, sent.slice(1))
})

function typeOf(fields: string): string {
  const type = /application\/\S+/.exec(fields)?.[0] ?? ''
  return type.endsWith('text') ? `${type}+proto` : type
}

function bodyOf(bytes: Buffer | string): Call['body'] {
  return Body.of(Buffer.from(bytes))
}
