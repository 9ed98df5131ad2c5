import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fromBinary, fromJson, toBinary, toJson, type JsonObject } from '@bufbuild/protobuf'
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js'
import t from 'tap'
import { compileProto } from '../../src/descriptors/compile.ts'
import { readRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { reflection } from '../../src/transcode/reflection.ts'
import { readDescriptors } from '../../src/transcode/descriptors.ts'
import { echoServer } from '../grpc/echo-server.ts'
import { grpcClient, metadataOf } from '../grpc/grpc-client.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { keyOf, rowsFor, rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const claudeProto = fileURLToPath(new URL('../../templates/claude.proto', import.meta.url))
const echoProto = `syntax = "proto3";
package echo.v1;
import "google/api/annotations.proto";
service Shop {
  rpc Once(Say) returns (Said) { option (google.api.http) = { get: "/v1/say/{text}" additional_bindings { post: "/v1/say" body: "*" } }; }
  rpc Count(Say) returns (stream Said) { option (google.api.http) = { get: "/v1/count/{text}" }; }
  rpc Sum(stream Say) returns (Said) { option (google.api.http) = { post: "/v1/sum" body: "*" }; }
}
message Say { string text = 1; int32 count = 2; int32 fail = 3; bytes data = 4; bool hang = 5; }
message Said { string text = 1; int64 sum = 2; bytes data = 4; }
`
const echo = await echoServer(t)
const relay = await relayProcess(
  t,
  {
    drain: { delay: 0, grace: 0, streamGrace: '100ms' },
    upstreams: {
      claude: 'builtin:claude',
      echo: { url: `grpc://127.0.0.1:${echo.port}`, proto: 'echo.proto' },
    },
    routes: {
      '/v1': 'echo',
      '/echo.v1.Shop': 'echo',
      '/bound/{text}': { grpc: `127.0.0.1:${echo.port}/echo.v1.Shop/Once`, proto: 'echo.proto' },
      '/claude.v1.Messages': { to: 'claude', grpcService: { proto: claudeProto } },
    },
    tenants: { ...tenantsWith(['search', 'failing'], {}), ...tenantsWith(['limited'], { requests: { rate: '1/h', burst: 1 } }) },
    ledger: { flush: '20ms' },
    shed: false,
  },
  { files: { 'echo.proto': echoProto } },
)
const port = Number(new URL(relay.url).port)
const caller = grpcClient(t, port)
const channel = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
t.teardown(() => channel.close())

function keyed(tenant = 'search'): Metadata {
  return metadataOf({ 'x-api-key': keyOf(tenant) })
}

async function ask(
  path: string,
  options: { readonly method?: string; readonly body?: string; readonly accept?: string; readonly tenant?: string } = {},
) {
  const { method = 'GET', body, accept = '*/*', tenant = 'search' } = options
  const headers = { accept, 'content-type': 'application/json', ...(tenant === '' ? {} : { 'x-api-key': keyOf(tenant) }) }
  const reply = await fetch(relay.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: reply.status, type: reply.headers.get('content-type'), text: await reply.text() }
}

t.test('a gRPC call passes with its tenant’s key, and is refused without one in gRPC’s own way', async (t) => {
  const known = await caller.once({ text: 'hi' }, { metadata: keyed() })
  t.equal(known.code, 0)
  t.match(known.messages, [{ text: 'hi' }])

  const stranger = await caller.once({ text: 'hi' })
  t.equal(stranger.code, 16)
})

t.test('the same methods are called with JSON: by their rules, and at a path of the config', async (t) => {
  t.strictSame(JSON.parse((await ask('/v1/say/hi?count=2')).text), { text: 'hi', sum: '2' })
  t.strictSame(JSON.parse((await ask('/v1/say', { method: 'POST', body: '{"text":"ho"}' })).text), { text: 'ho' })
  t.strictSame(JSON.parse((await ask('/bound/hey?count=1')).text), { text: 'hey', sum: '1' })
  const lines = await ask('/v1/sum', { method: 'POST', body: '{"text":"a","count":1}\n{"text":"b","count":2}\n' })
  t.strictSame(JSON.parse(lines.text), { text: 'a b', sum: '3' })
})

t.test('a stream of messages comes as events, and its failure as one', async (t) => {
  const whole = await ask('/v1/count/x?count=2', { accept: 'text/event-stream' })
  t.equal(whole.type, 'text/event-stream')
  t.equal(whole.text, 'data: {"text":"x1"}\n\ndata: {"text":"x2"}\n\n')

  t.equal((await ask('/v1/count/x?fail=5')).status, 404)
  await t.rejects(ask('/v1/count/x?count=1&fail=5', { accept: 'text/event-stream' }), 'it breaks off behind its error')
})

t.test('what is wrong is a status in JSON', async (t) => {
  const cases: readonly (readonly [string, string, number, number])[] = [
    ['/v1/say/hi?fail=8', 'search', 429, 8],
    ['/v1/say/hi?colour=red', 'search', 400, 3],
    ['/v1/nothing', 'search', 404, 12],
    ['/v1/say/hi', '', 401, 16],
  ]
  for (const [path, tenant, status, code] of cases) {
    const got = await ask(path, { tenant })
    t.equal(got.status, status, path)
    t.equal((JSON.parse(got.text) as { code: number }).code, code, path)
  }
})

const set = compileProto({ files: [claudeProto], folders: [], read: (file) => readFileSync(file, 'utf8') })
const claude = readDescriptors(set.is === 'set' ? set.bytes : new Uint8Array()).files.getService('claude.v1.Messages')!

interface Answer {
  readonly messages: readonly JsonObject[]
  readonly status: StatusObject
}

/** Calls a method of the Messages service by grpc-js. */
async function message(name: string, fields: JsonObject, metadata = keyed()): Promise<Answer> {
  const method = claude.methods.find((one) => one.name === name)!
  const body = { model: 'claude-opus-5-5', messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }], ...fields }
  const write = (json: JsonObject): Buffer => Buffer.from(toBinary(method.input, fromJson(method.input, json)))
  // A message's JSON is an object.
  const read = (bytes: Buffer): JsonObject => toJson(method.output, fromBinary(method.output, bytes)) as JsonObject
  const call = channel.makeServerStreamRequest(`/claude.v1.Messages/${name}`, write, read, body, metadata)
  const messages: JsonObject[] = []
  return new Promise((resolve) => {
    call.on('data', (one: JsonObject) => messages.push(one))
    call.on('error', () => undefined)
    call.on('status', (status: StatusObject) => resolve({ messages, status }))
  })
}

t.test('Claude is a gRPC service: whole messages, streams, counts', async (t) => {
  const whole = await message('Create', { max_tokens: 50 })
  t.match(whole.messages, [{ type: 'message', role: 'assistant', stop_reason: 'end_turn', content: [{ type: 'text' }] }])
  t.match(whole.status, { code: 0 })

  const { messages, status } = await message('Stream', { max_tokens: 50 })
  t.equal(status.code, 0)
  t.equal(messages[0]?.['type'], 'message_start')
  t.equal(messages.at(-1)?.['type'], 'message_stop')
  const words = messages.map(({ delta }) => (delta as { text?: string } | undefined)?.text ?? '').join('')
  t.match(words, /^Hello!/)

  t.match((await message('CountTokens', {})).messages, [{ input_tokens: Number }])
})

t.test('the bill and the limits see what Claude said', async (t) => {
  const billed = (): readonly unknown[] =>
    rowsOf(relay, 'search').filter(
      ({ route, model, source, output }) => route === 'claude.v1.Messages' && model !== '' && source === 'exact' && output > 0,
    )
  await until(() => billed().length >= 2)
  t.equal(billed().length, 2, 'a message and a stream')

  t.equal((await message('Create', { max_tokens: 5 }, keyed('limited'))).status.code, 0)
  const { status } = await message('Create', { max_tokens: 5 }, keyed('limited'))
  t.equal(status.code, 8)
  const [details] = status.metadata.get('grpc-status-details-bin')
  t.match(readRichStatus(details as Buffer)?.details, [{ typeUrl: /RetryInfo$/ }])
})

t.test('an error of the API is a status, and costs nothing', async (t) => {
  const refused = await message('Create', { max_tokens: 0 }, keyed('failing'))
  const words = { messages: [{ role: 'user', content: [{ type: 'text', text: '[error 529]' }] }], max_tokens: 5 }
  const overloaded = await message('Stream', words, keyed('failing'))

  t.match(refused.status, { code: 3, details: /max_tokens/ })
  t.match(overloaded.status, { code: 14 })
  const rows = await rowsFor(relay, 'failing', 2)
  t.strictSame(
    rows.map(({ source, input, output, costNanoUsd }) => ({ source, input, output, costNanoUsd })),
    rows.map(() => ({ source: 'none', input: 0, output: 0, costNanoUsd: 0 })),
  )
})

const bytes = (value: Buffer): Buffer => value

t.test('reflection and health tell of the service, and who watches hears of the end', async (t) => {
  const asked = Buffer.from([0x3a, 0])
  const info = channel.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', bytes, bytes, keyed())
  const listed = new Promise<Buffer>((resolve) => info.once('data', resolve))
  info.write(asked)
  t.match((await listed).toString('latin1'), /claude\.v1\.Messages/)
  info.end()
  t.ok(reflection([set.is === 'set' ? set.bytes : new Uint8Array()]).answer(asked))

  const watch = channel.makeServerStreamRequest('/grpc.health.v1.Health/Watch', bytes, bytes, Buffer.alloc(0), new Metadata())
  const states: number[] = []
  const first = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<StatusObject>()
  watch.on('data', (state: Buffer) => {
    states.push(state[1] ?? 0)
    first.resolve()
  })
  watch.on('error', () => undefined)
  watch.on('status', (status: StatusObject) => ended.resolve(status))
  await first.promise
  const hanging = caller.count({ text: 'x', count: 1, hang: true }, { metadata: keyed() })
  await hanging.read(1)

  relay.child.kill('SIGTERM')

  t.equal((await ended.promise).code, 0)
  t.strictSame(states, [1, 2])
  t.equal((await hanging).code, 14, 'a stream that outlasts its grace is told so')
})
