import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { readRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { statusIn } from '../../src/protocol/grpc/status.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { headOf, written } from '../engine/shapes.ts'
import { framesIn, grpcCall } from '../stages/grpc-world.ts'

const limited = new RelayError('over_limit', 'slow down', { retryAfterMs: 1500, shouldRetry: true, lines: [Buffer.from('x-limit: 1\r\n')] })

function seen(fields: string, error = limited): { status: number; lines: string[]; body: Buffer } {
  const reply = errorReply(error, grpcCall(fields))
  return { status: reply.status, lines: written(reply), body: reply.body.take() ?? Buffer.alloc(0) }
}

const common = ['request-id: req_1', 'retry-after: 2', 'x-should-retry: true', 'x-limit: 1']

t.test('a gRPC caller is told of a refusal in trailers alone, with the time to come back', async (t) => {
  for (const type of ['application/grpc', 'application/grpc+proto']) {
    const { status, lines, body } = seen(`content-type: ${type}`)

    t.equal(status, 200)
    t.equal(body.length, 0)
    const told = statusIn(headOf(lines.join('\n')))
    t.match(told, { code: 8, message: 'slow down' })
    t.match(readRichStatus(told!.details!), {
      code: 8,
      message: 'slow down',
      details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }],
    })
    t.equal(lines[0], 'content-type: application/grpc')
    t.strictSame(lines.slice(-4), common)
  }
})

t.test('a caller of gRPC-Web is told in a frame of trailers, in text where it speaks so', async (t) => {
  const plain = seen('content-type: application/grpc-web')
  t.strictSame([plain.status, plain.lines], [200, ['content-type: application/grpc-web+proto', ...common]])
  t.match(framesIn(plain.body), [/^128:grpc-status: 8\r\ngrpc-message: slow down\r\ngrpc-status-details-bin: .*\r\n$/])

  const text = seen('content-type: application/grpc-web-text+proto')
  t.equal(text.lines[0], 'content-type: application/grpc-web-text+proto')
  t.same(Buffer.from(text.body.toString(), 'base64'), plain.body)
})

t.test('a caller of Connect is told in JSON, or in the last frame of a stream', async (t) => {
  const error = { code: 'resource_exhausted', message: 'slow down', details: [{ type: 'google.rpc.RetryInfo', value: 'CggIARCAyrXuAQ' }] }

  for (const fields of ['content-type: application/proto', 'content-type: application/json\nconnect-protocol-version: 1']) {
    const { status, lines, body } = seen(fields)
    t.equal(status, 429)
    t.strictSame(lines, ['content-type: application/json', ...common])
    t.strictSame(JSON.parse(body.toString()), error)
  }
  const unsupported = seen('content-type: application/proto', new RelayError('unsupported_type', 'no'))
  t.equal(unsupported.status, 415)

  const stream = seen('content-type: application/connect+json')
  t.strictSame([stream.status, stream.lines[0]], [200, 'content-type: application/connect+json'])
  t.strictSame(framesIn(stream.body), [`2:${JSON.stringify({ error })}`])
})

t.test('all others are told in the shape of the Claude API', async (t) => {
  for (const fields of ['content-type: application/json', 'accept: */*', 'content-type: text/plain']) {
    const { status, lines, body } = seen(fields)
    t.equal(status, 429)
    t.strictSame(lines, ['content-type: application/json', ...common])
    t.match(JSON.parse(body.toString()), { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } })
  }
  t.equal(errorReply(new RelayError('bad_request', 'no head'), null).status, 400)
})
