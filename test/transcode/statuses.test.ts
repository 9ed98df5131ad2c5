import { toBinary, fromJson, type JsonValue } from '@bufbuild/protobuf'
import t from 'tap'
import { knownTypes } from '../../src/transcode/known-files.ts'
import type { RpcStatus } from '../../src/transcode/types.ts'
import { shopOf } from './shop.ts'

const { statuses } = shopOf({ Call: { in: 'Thing', out: 'Owner' } })
const at = 'type.googleapis.com'

/** Details as the standard types have them in JSON. */
const details: readonly JsonValue[] = [
  { '@type': `${at}/google.rpc.RetryInfo`, retryDelay: '1.500s' },
  { '@type': `${at}/google.rpc.ErrorInfo`, reason: 'STOCKOUT', domain: 'shop', metadata: { zone: 'a', 'b.c': 'd' } },
  { '@type': `${at}/google.rpc.DebugInfo`, stackEntries: ['a', 'b'], detail: 'd' },
  {
    '@type': `${at}/google.rpc.QuotaFailure`,
    violations: [
      { subject: 'project:x', description: 'd', quotaValue: '9007199254740993', futureQuotaValue: '0', quotaDimensions: { a: 'b' } },
    ],
  },
  { '@type': `${at}/google.rpc.PreconditionFailure`, violations: [{ type: 'TOS', subject: 's', description: 'd' }] },
  {
    '@type': `${at}/google.rpc.BadRequest`,
    fieldViolations: [{ field: 'name', description: 'd', reason: 'R', localizedMessage: { locale: 'de', message: 'm' } }],
  },
  { '@type': `${at}/google.rpc.RequestInfo`, requestId: 'r', servingData: 's' },
  { '@type': `${at}/google.rpc.ResourceInfo`, resourceType: 't', resourceName: 'n', owner: 'o', description: 'd' },
  { '@type': `${at}/google.rpc.Help`, links: [{ description: 'd', url: 'u' }] },
  { '@type': `${at}/google.rpc.LocalizedMessage`, locale: 'de', message: 'm' },
  { '@type': `${at}/google.protobuf.Duration`, value: '3s' },
  { '@type': `${at}/google.protobuf.Struct`, value: { a: [1] } },
  { '@type': `${at}/shop.v1.Owner`, id: 'a', fullName: 'b' },
  { '@type': 'example.com/any/nobody.Knows', value: 'AQI=' },
]

t.test('a status of every standard detail goes to bytes and back, whole', async (t) => {
  for (const detail of details) {
    const json = { code: 8, message: 'out of it', details: [detail] }

    const status = statuses.fromJson(Buffer.from(JSON.stringify(json)))

    t.match(status, { code: 8, message: 'out of it' })
    t.ok(status !== null && status.details.length > 0)
    t.strictSame(JSON.parse(statuses.toJson(status!).toString()), json, JSON.stringify(detail))
  }
})

t.test('several details keep their order; a status without any has no bytes', async (t) => {
  const all = statuses.fromJson(Buffer.from(JSON.stringify({ code: 3, message: 'm', details })))
  const none = statuses.fromJson(Buffer.from('{"code":5,"message":"gone"}'))

  t.strictSame(JSON.parse(statuses.toJson(all!).toString()).details, details)
  t.strictSame(none, { code: 5, message: 'gone', details: new Uint8Array(0) })
  t.equal(statuses.toJson(none!).toString(), '{"code":5,"message":"gone","details":[]}')
})

t.test('the bytes are a google.rpc.Status, with code and message in it', async (t) => {
  const status = statuses.fromJson(Buffer.from(JSON.stringify({ code: 8, message: 'm', details: [details[0]!] })))
  const of = knownTypes.getMessage('google.rpc.Status')!

  t.same(status?.details, toBinary(of, fromJson(of, { code: 8, message: 'm', details: [details[0]!] }, { registry: knownTypes })))
})

/** Bodies of backends, and the code and message that are read from them; null: no status. */
const bodies: readonly (readonly [body: string, status: readonly [number, string] | null])[] = [
  ['{"code":5,"message":"gone","details":[]}', [5, 'gone']],
  ['{"code":5}', [5, '']],
  ['{"code":0,"message":"fine"}', [0, 'fine']],
  ['{"code":16,"message":"who"}', [16, 'who']],
  ['{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}', [5, 'gone']],
  ['{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', [8, '']],
  ['{"error":{"code":5,"message":"gone","details":[]}}', [5, 'gone']],
  ['{"code":17,"message":"x"}', null],
  ['{"code":404,"message":"x"}', null],
  ['{"code":-1,"message":"x"}', null],
  ['{"code":2147483648,"message":"x"}', null],
  ['{"code":5.5,"message":"x"}', null],
  ['{"code":"5","message":"x"}', null],
  ['{"code":5,"message":7}', null],
  ['{"code":5,"message":"x","details":"y"}', null],
  ['{"error":{"code":404,"message":"gone","status":"NOPE"}}', null],
  ['{"error":{"type":"not_found_error","message":"x"},"type":"error"}', null],
  ['{"error":{"code":5,"message":"gone"},"id":1}', null],
  ['{"error":"gone"}', null],
  ['{"message":"x"}', null],
  ['{}', null],
  ['[]', null],
  ['null', null],
  ['5', null],
  ['<html>', null],
  ['', null],
]

t.test('a body that is a status is read as one, and no other', async (t) => {
  for (const [body, expected] of bodies) {
    const status = statuses.fromJson(Buffer.from(body))
    t.strictSame(status === null ? null : [status.code, status.message], expected, body)
  }
})

t.test('details that fit nothing are left out, and the status stays', async (t) => {
  const given = [
    5,
    null,
    {},
    { '@type': 7 },
    { '@type': 'x/nobody.Knows', a: 1 },
    { '@type': 'x/nobody.Knows', value: '*' },
    { '@type': `${at}/google.rpc.RetryInfo`, retryDelay: 'soon' },
  ]

  const status = statuses.fromJson(Buffer.from(JSON.stringify({ code: 3, message: 'm', details: given })))

  t.strictSame(status, { code: 3, message: 'm', details: new Uint8Array(0) })
})

t.test('a known type whose bytes are broken, and bytes that are no status, do not lose the status', async (t) => {
  const broken = statuses.fromJson(
    Buffer.from(JSON.stringify({ code: 3, message: 'm', details: [{ '@type': `${at}/google.rpc.RetryInfo`, value: '//8=' }] })),
  )
  const noStatus: RpcStatus = { code: 3, message: 'm', details: Buffer.from([0xff, 0xff]) }

  t.strictSame(JSON.parse(statuses.toJson(broken!).toString()).details, [{ '@type': `${at}/google.rpc.RetryInfo`, value: '//8=' }])
  t.equal(statuses.toJson(noStatus).toString(), '{"code":3,"message":"m","details":[]}')
})

t.test('codes that nobody knows are written as they are', async (t) => {
  for (const code of [17, 2 ** 31])
    t.equal(JSON.parse(statuses.toJson({ code, message: 'x', details: new Uint8Array(0) }).toString()).code, code)
})
