import t from 'tap'
import { RelayError, failures, type Failure } from '../../src/base/errors.ts'
import { binaryValues, codeBinary, decodeBinary } from '../../src/protocol/grpc/binary.ts'
import { codeName, codeOfHttp, codeOfReset, httpOfCode, readCode } from '../../src/protocol/grpc/code.ts'
import { connectCode, connectError, endStream } from '../../src/protocol/grpc/connect-json.ts'
import { codeMessage, decodeMessage } from '../../src/protocol/grpc/message-text.ts'
import { readRichStatus, retryInfo, writeRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { statusInTrailers, statusLines, statusOf, statusOfEnd, trailerHead } from '../../src/protocol/grpc/status.ts'
import { readConnectTimeout, readTimeout, writeTimeout } from '../../src/protocol/grpc/timeout.ts'

t.test('each status has its name, its HTTP status and its name in Connect', async (t) => {
  const table: readonly (readonly [number, string, number, string])[] = [
    [0, 'OK', 200, 'ok'],
    [1, 'CANCELLED', 499, 'canceled'],
    [2, 'UNKNOWN', 500, 'unknown'],
    [3, 'INVALID_ARGUMENT', 400, 'invalid_argument'],
    [4, 'DEADLINE_EXCEEDED', 504, 'deadline_exceeded'],
    [5, 'NOT_FOUND', 404, 'not_found'],
    [6, 'ALREADY_EXISTS', 409, 'already_exists'],
    [7, 'PERMISSION_DENIED', 403, 'permission_denied'],
    [8, 'RESOURCE_EXHAUSTED', 429, 'resource_exhausted'],
    [9, 'FAILED_PRECONDITION', 400, 'failed_precondition'],
    [10, 'ABORTED', 409, 'aborted'],
    [11, 'OUT_OF_RANGE', 400, 'out_of_range'],
    [12, 'UNIMPLEMENTED', 501, 'unimplemented'],
    [13, 'INTERNAL', 500, 'internal'],
    [14, 'UNAVAILABLE', 503, 'unavailable'],
    [15, 'DATA_LOSS', 500, 'data_loss'],
    [16, 'UNAUTHENTICATED', 401, 'unauthenticated'],
  ]
  for (const [code, name, http, connect] of table) {
    t.strictSame([codeName(code), httpOfCode(code), connectCode(code)], [name, http, connect])
    t.equal(readCode(String(code)), code)
  }
  for (const code of [17, 2 ** 31, -1, NaN]) t.strictSame([codeName(code), httpOfCode(code)], ['UNKNOWN', 500], String(code))
  for (const text of ['17', '2147483648', '99999999999', '-1', '', 'OK', '1.5', ' 1']) t.equal(readCode(text), 2, text)
})

t.test('a reply without a status means what its HTTP status does, and a reset what its code does', async (t) => {
  const http = [200, 204, 302, 400, 401, 403, 404, 409, 429, 431, 500, 502, 503, 504, 599]
  t.strictSame(http.map(codeOfHttp), [2, 2, 2, 13, 16, 7, 12, 2, 14, 13, 2, 14, 14, 14, 2])
  t.strictSame(
    Array.from({ length: 15 }, (_, code) => codeOfReset(code)),
    [13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13, 13],
  )
})

t.test('a timeout is read in every unit, and nothing else is one', async (t) => {
  t.strictSame(
    ['2H', '3M', '4S', '5m', '0m', '00000001S', '99999999H'].map(readTimeout),
    [7.2e6, 180_000, 4000, 5, 0, 1000, 3.599999964e14],
  )
  t.ok(Math.abs(readTimeout('1500u')! - 1.5) < 1e-9)
  t.ok(Math.abs(readTimeout('7n')! - 7e-6) < 1e-15)
  for (const text of ['', '5', 'm', '123456789m', '5s', '-5m', '5 m', '1.5S', '5mm', '٣m']) t.equal(readTimeout(text), null, text)
  t.strictSame(['0', '250', '9999999999', '99999999999', '', '-1', '1e3', '5m'].map(readConnectTimeout), [
    0,
    250,
    9999999999,
    null,
    null,
    null,
    null,
    null,
  ])
})

t.test('what is left is written in the finest unit that has room, and never as more', async (t) => {
  const times = [0, -5, 1e-7, 0.0005, 0.25, 1500.25, 99_999.999, 100_000, 99_999_999.5, 1e8, 1e11, 6e12, 1e15, 1e30]
  const written = times.map(writeTimeout)

  t.strictSame(written, [
    '0n',
    '0n',
    '0n',
    '500n',
    '250u',
    '1500250u',
    '99999999u',
    '100000m',
    '99999999m',
    '100000S',
    '1666666M',
    '1666666H',
    '99999999H',
    '99999999H',
  ])
  for (const [k, text] of written.entries()) {
    t.match(text, /^\d{1,8}[HMSmun]$/)
    t.ok(readTimeout(text)! <= Math.max(0, times[k]!) + 1e-9, text)
  }
})

t.test('a message travels as visible ASCII and comes back, and what is no code stands for itself', async (t) => {
  for (const text of ['', 'plain text', '100 %', ' spaces at both ends ', 'größe 世界 🎉', 'two\r\nlines\0', '%41', '~'])
    t.equal(decodeMessage(codeMessage(text)), text)
  t.equal(codeMessage('50% of 世 ok'), '50%25 of %E4%B8%96 ok')
  t.match(codeMessage('\r\n\0\x7f é'), /^[ -~]*$/)
  t.strictSame(['%', '%4', '%zz', 'a%2', '%41%', '%e4%b8%96'].map(decodeMessage), ['%', '%4', '%zz', 'a%2', 'A%', '世'])
  t.equal(decodeMessage('%ff%fe'), '��', 'what is no UTF-8 is replaced')
})

t.test('binary metadata is read padded or not, in lists, and what is no base64 is told apart', async (t) => {
  const values = ['AAECAw', 'AAECAw==', 'AAEC', '', 'AAE=', 'AAE', 'A', 'AA=', 'AA===', 'A-_A', 'AA EC', '=']
  const bytes = [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2], [], [0, 1], [0, 1], null, null, null, null, null, null]
  t.same(
    values.map((value) => decodeBinary(value)),
    bytes.map((one) => (one === null ? null : Buffer.from(one))),
  )
  t.same(binaryValues('AAEC, ??,AA=='), [Buffer.from([0, 1, 2]), null, Buffer.from([0])])
  t.equal(codeBinary(Buffer.from([0, 1, 2, 3])), 'AAECAw')
})

t.test('a status with details is written as google.rpc.Status, and read again', async (t) => {
  const status = {
    code: 8,
    message: 'größe',
    details: [retryInfo(90_250), { typeUrl: 'type.googleapis.com/a.B', value: Buffer.alloc(300, 7) }],
  }

  const bytes = writeRichStatus(status)

  t.same(readRichStatus(bytes), status)
  t.equal(retryInfo(90_250).value.toString('hex'), '0a07085a1080e59a77')
  t.same(readRichStatus(Buffer.alloc(0)), { code: 0, message: '', details: [] })
  for (let length = 1; length < bytes.length; length++) readRichStatus(bytes.subarray(0, length))
  for (const broken of ['0a', '08', '1a05', '12ff01', '00', '0b', '1a020aff', '08ffffffffffffffffffffff01'])
    t.equal(readRichStatus(Buffer.from(broken, 'hex')), null, broken)
})

t.test('a status stands in trailers, and is found there', async (t) => {
  const status = { code: 5, message: 'no “thing”', details: Buffer.from([8, 5]) }

  const lines = statusLines(status)

  t.equal(lines.toString(), 'grpc-status: 5\r\ngrpc-message: no %E2%80%9Cthing%E2%80%9D\r\ngrpc-status-details-bin: CAU\r\n')
  t.same(statusInTrailers(Buffer.concat([Buffer.from('x-a: 1\r\nGrocery: 2\r\n'), lines])), status)
  t.same(statusInTrailers(Buffer.from('Grpc-Status: 2147483648\r\n')), { code: 2, message: '', details: null })
  t.same(statusInTrailers(Buffer.from('grpc-status: 3\r\ngrpc-status-details-bin: !!\r\n')), { code: 3, message: '', details: null })
  for (const trailers of ['', 'x: 1\r\n', 'grpc-status 0\r\n']) t.equal(statusInTrailers(Buffer.from(trailers)), null, trailers)
})

t.test('every failure of relay has a status, and what has a time to come back carries it', async (t) => {
  for (const failure of Object.keys(failures) as Failure[])
    t.same(statusOf(new RelayError(failure, 'why')), { code: failures[failure].grpc, message: 'why', details: null })

  const limited = statusOf(new RelayError('over_limit', 'too fast', { retryAfterMs: 1500 }))
  t.same(readRichStatus(limited.details!), { code: 8, message: 'too fast', details: [retryInfo(1500)] })
  t.equal(statusOf(new RelayError('upstream_failed', 'reset', { grpc: 1 })).code, 1)
  t.strictSame(
    (['cancelled', 'upstream_failed', 'timed_out', 'drained', 'failed'] as const).map((end) => statusOfEnd(end, null).code),
    [1, 14, 4, 14, 13],
  )
})

t.test("Connect's errors are JSON with the details' types, and its streams end by one", async (t) => {
  const details = writeRichStatus({ code: 8, message: 'too fast', details: [retryInfo(1000)] })

  const error: unknown = JSON.parse(connectError({ code: 8, message: 'too fast', details }).toString())
  t.strictSame(error, { code: 'resource_exhausted', message: 'too fast', details: [{ type: 'google.rpc.RetryInfo', value: 'CgIIAQ' }] })

  const trailers = trailerHead(Buffer.from('grpc-status: 1\r\nx-a: 1\r\nX-A: 2\r\n__proto__: 3\r\n'))
  const end = endStream({ code: 1, message: '', details: Buffer.from('no status') }, trailers)
  t.equal(end[0], 2)
  t.equal(end.readUInt32BE(1), end.length - 5)
  t.equal(end.subarray(5).toString(), '{"error":{"code":"canceled"},"metadata":{"x-a":["1","2"],"__proto__":["3"]}}')
  t.equal(endStream({ code: 0, message: '', details: null }, null).subarray(5).toString(), '{}')
})
