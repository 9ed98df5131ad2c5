import { fromBinary, toJson } from '@bufbuild/protobuf'
import t from 'tap'
import { transcoder } from '../../src/transcode/transcoder.ts'
import { setOf } from './proto.ts'
import { asked } from './shop.ts'

const of = transcoder({
  mostMessage: 1000,
  descriptors: setOf({
    syntax: 'proto2',
    messages: {
      Old: ['required string id = 1', 'optional int32 size = 2 proto2', 'optional Mood mood = 3 proto2', 'optional Old inner = 4 proto2'],
    },
    enums: { Mood: ['GOOD = 1', 'BAD = 2'] },
    methods: { Call: { in: 'Old', out: 'Old', rule: { post: '/v1', body: '*', additionalBindings: [{ get: '/v1/{id}' }] } } },
  }),
})

t.test('fields of proto2 have presence: what was said is kept, also where it is the default', async (t) => {
  t.strictSame(messageOf('GET /v1/x?size=0'), { id: 'x', size: 0 })
  t.strictSame(messageOf('POST /v1', '{"id":"","size":0}'), { id: '', size: 0 })
})

t.test('a required field that nobody says is the caller’s error; one that an upstream leaves out is its own', async (t) => {
  t.throws(() => messageOf('POST /v1', '{"size":1}'), { failure: 'bad_request', message: /Old.id.*required/ })
  t.throws(() => messageOf('GET /v1/x?inner.size=1'), { failure: 'bad_request', message: /Old.id.*required/ })
  t.throws(() => asked(of, 'GET /v1/x').match.reply(Buffer.from([0x10, 1])), { failure: 'upstream_failed', message: /Old.id.*required/ })
})

t.test('a closed enum has its own values alone', async (t) => {
  t.strictSame(messageOf('GET /v1/x?mood=2'), { id: 'x', mood: 'BAD' })
  t.throws(() => messageOf('GET /v1/x?mood=99'), {
    failure: 'bad_request',
    message: /field "mood": expected a value of shop.v1.Mood, got "99"/,
  })
})

function messageOf(call: string, body = ''): unknown {
  const { match, query } = asked(of, call)
  const { input } = match.method
  return toJson(input, fromBinary(input, match.request(query, Buffer.from(body), '')))
}
