import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Next } from '../../src/engine/call.ts'
import type { PeekBudget } from '../../src/stages/peek-budget.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import type { Transcoder } from '../../src/transcode/types.ts'
import { FakeSink, FakeSource, headOf, outgoing } from '../engine/shapes.ts'
import { setOf } from '../transcode/proto.ts'

/** As many bytes as anybody wants. */
export const plenty: PeekBudget = { take: () => true, give: () => undefined }

/** A shop: one method of each kind, and one that streams on demand. */
export const shop: Transcoder = transcoder({
  descriptors: setOf({
    messages: {
      Item: ['string id = 1', 'string name = 2', 'int32 price = 3'],
      Wish: ['string id = 1', 'bool stream = 2'],
    },
    methods: {
      Get: { in: 'Item', out: 'Item', rule: { get: '/v1/items/{id}' } },
      Put: { in: 'Item', out: 'Item', rule: { put: '/v1/items/{id}', body: '*' } },
      List: { in: 'Item', out: 'Item', streams: 'out', rule: { get: '/v1/items' } },
      Add: { in: 'Item', out: 'Item', streams: 'in', rule: { post: '/v1/items', body: '*' } },
      Wish: { in: 'Wish', out: 'Item', streams: 'out', rule: { post: '/v1/wishes', body: '*' } },
      Once: { in: 'Wish', out: 'Item', rule: { post: '/v1/wishes:once', body: '*' } },
      File: { in: 'Item', out: 'google.api.HttpBody', rule: { get: '/v1/items/{id}/file' } },
    },
  }),
  mostMessage: 1000,
})

/** An item's message. */
export function item(id: string, name = ''): Buffer {
  const out = new BinaryWriter().tag(1, WireType.LengthDelimited).string(id)
  if (name !== '') out.tag(2, WireType.LengthDelimited).string(name)
  return Buffer.from(out.finish())
}

/** A REST backend that takes one call, and what it was asked. */
export class FakeBackend {
  line = ''
  lines: string[] = []
  readonly asked = new FakeSink()
  readonly body: Body = new Body(-1, new FakeSource())
  private readonly answer: { readonly status?: number; readonly type?: string; readonly fields?: string; readonly body?: string }

  constructor(answer: FakeBackend['answer']) {
    this.answer = answer
  }

  readonly next: Next = async (call) => {
    this.line = `${call.method} ${call.targetPrefix.toString('latin1')}${call.targetFrom < call.head.targetEnd ? '…' : ''}`
    this.lines = outgoing(call)
    call.outgoing.pipe(this.asked)
    const { status = 200, type = 'application/json', fields = '', body } = this.answer
    if (body !== undefined) {
      this.body.push(Buffer.from(body), true)
      this.body.finish(Buffer.alloc(0))
    }
    return new Reply(status, headOf(`content-type: ${type}${fields === '' ? '' : `\n${fields}`}`), this.body)
  }
}
