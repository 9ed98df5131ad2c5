import { fromBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import type { Call } from '../../src/engine/call.ts'
import { framed } from '../../src/protocol/grpc/frames.ts'
import { localServices } from '../../src/stages/grpc-local.ts'
import { reflection } from '../../src/transcode/reflection.ts'
import { callOf, FakeSink, FakeSource } from '../engine/shapes.ts'
import { setOf } from '../transcode/proto.ts'

const set = setOf({ messages: { Item: ['string id = 1'] }, methods: { Get: { in: 'Item', out: 'Item' } } })

function world(): { closing: AbortController; ask: (path: string, body: Body | Buffer) => Promise<FakeSink> } {
  const closing = new AbortController()
  const answer = localServices({ reflection: reflection([set]), closing: closing.signal })
  const ask = async (path: string, body: Body | Buffer): Promise<FakeSink> => {
    const sink = new FakeSink()
    const reply = await answer(callAt(path, body))
    reply.body.pipe(sink)
    return sink
  }
  return { closing, ask }
}

function callAt(path: string, body: Body | Buffer): Call {
  const made = body instanceof Body ? body : Body.of(body)
  return callOf(`POST ${path} HTTP/1.1\nhost: r\ncontent-type: application/grpc`, { body: made })
}

/** A message of one field. */
function text(field: number, value: string): Buffer {
  return framed(Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).string(value).finish()))
}

/** The fields of a message by number; those of length as bytes. */
function fields(sink: FakeSink): Map<number, Uint8Array | number> {
  const bytes = Buffer.from(sink.text, 'latin1').subarray(5)
  const reader = new BinaryReader(bytes)
  const found = new Map<number, Uint8Array | number>()
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    found.set(field, type === WireType.Varint ? reader.int32() : reader.bytes())
  }
  return found
}

const check = '/grpc.health.v1.Health/Check'
const watch = '/grpc.health.v1.Health/Watch'
const info = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'

t.test('health is told of relay and of each service, and is over once relay closes', async (t) => {
  const { closing, ask } = world()

  for (const service of ['', 'shop.v1.Shop']) t.equal(fields(await ask(check, text(1, service))).get(1), 1)
  const unknown = await ask(check, text(1, 'other'))
  t.match(unknown.told.at(-1), /^fail failed grpc-status: 5/)
  closing.abort()
  t.equal(fields(await ask(check, text(1, ''))).get(1), 2)
})

t.test('who watches health hears of the end', async (t) => {
  const { closing, ask } = world()
  const sink = await ask(watch, text(1, ''))
  t.equal(fields(sink).get(1), 1)
  t.equal(sink.told.length, 1, 'and goes on')

  closing.abort()

  t.equal(sink.told[1]?.at(-1), '\x02')
  t.match(sink.told.at(-1), /^finish grpc-status: 0/)
  const unknown = await ask(watch, text(1, 'other'))
  t.equal(fields(unknown).get(1), 3)
})

t.test('who leaves is not listened for any more', async (t) => {
  const closing = new AbortController()
  const reply = await localServices({ reflection: reflection([set]), closing: closing.signal })(callAt(watch, text(1, '')))
  const sink = new FakeSink()
  reply.body.pipe(sink)

  reply.body.cancel('cancelled')
  closing.abort()

  t.equal(sink.told.length, 1)
})

t.test('reflection tells services and files, asked for by name, by symbol and by extension, one answer a question', async (t) => {
  const { ask } = world()
  const services = fields(await ask(info, text(7, '')))
  t.match(Buffer.from(services.get(6) as Uint8Array).toString(), /shop\.v1\.Shop/)

  for (const question of [text(3, 'shop.proto'), text(4, 'shop.v1.Shop'), text(4, 'shop.v1.Shop.Get'), text(4, 'shop.v1.Item.id')]) {
    const answer = fields(await ask(info.replace('v1', 'v1alpha'), question))
    const reader = new BinaryReader(answer.get(4) as Uint8Array)
    reader.tag()
    t.equal(fromBinary(FileDescriptorProtoSchema, reader.bytes()).name, 'shop.proto')
    t.ok(answer.has(2), 'with the question')
  }
  const unknown = fields(await ask(info, text(4, 'shop.v1.Nothing')))
  t.match(Buffer.from(unknown.get(7) as Uint8Array).toString(), /not known/)

  const body = new Body(-1, new FakeSource())
  const sink = await ask(info, body)
  body.push(text(7, ''), true)
  t.equal(sink.told.length, 1)
  body.push(text(7, ''), true)
  body.finish(Buffer.alloc(0))
  t.equal(sink.told.length, 3)
  t.match(sink.told.at(-1), /^finish grpc-status: 0/)
})

t.test('what is no question, and other methods, are refused', async (t) => {
  const { ask } = world()

  const broken = await ask(info, framed(Buffer.from([0x3a, 9])))
  t.match(broken.told.at(-1), /^fail failed grpc-status: 3/)
  const health = await ask(check, framed(Buffer.from([0x0a, 9])))
  t.match(health.told.at(-1), /^fail failed grpc-status: 3/)
  await t.rejects(ask('/grpc.health.v1.Health/Other', text(1, '')), { message: /no method/ })
})
