import t from 'tap'
import { failures } from '../../src/base/errors.ts'
import type { Failure } from '../../src/base/errors.ts'
import { bodyLimit, firstByteTimeout, isCountTokens, isMessages } from '../../src/claude/endpoints.ts'
import { errorBody, errorEvent, pingEvent } from '../../src/claude/errors.ts'

t.test('each endpoint takes the body that the API takes, whatever the query', async (t) => {
  const mebibytes = Object.fromEntries(
    [
      '/v1/messages',
      '/v1/messages?beta=true',
      '/v1/messages/count_tokens?beta=true',
      '/v1/messages/batches',
      '/v1/files?x',
      '/v1/chat/completions',
      '/v1/messages/',
      '/v1/models',
      '/V1/messages',
      '/',
    ].map((path) => [path, (bodyLimit(path) ?? 0) / 1_048_576]),
  )

  t.strictSame(mebibytes, {
    '/v1/messages': 32,
    '/v1/messages?beta=true': 32,
    '/v1/messages/count_tokens?beta=true': 32,
    '/v1/messages/batches': 256,
    '/v1/files?x': 500,
    '/v1/chat/completions': 32,
    '/v1/messages/': 0,
    '/v1/models': 0,
    '/V1/messages': 0,
    '/': 0,
  })
  t.equal(bodyLimit('/v1/models'), null)
})

t.test('messages and token counts are told apart', async (t) => {
  t.ok(isMessages('/v1/messages?beta=true'))
  t.notOk(isMessages('/v1/messages/count_tokens'))
  t.ok(isCountTokens('/v1/messages/count_tokens?beta=true'))
  t.notOk(isCountTokens('/v1/messages'))
})

t.test('a gateway may have the API below a path of its own', (t) => {
  t.ok(isMessages('/anthropic/v1/messages?beta=true'))
  t.ok(isCountTokens('/a/v1/b/v1/messages/count_tokens'))
  t.equal(bodyLimit('/anthropic/v1/files'), 500 * 1_048_576)
  for (const path of ['/anthropic/messages', '/v1/messages/x', '/xv1/messages', '/v1/messages/v1/models', '/a?x=/v1/messages'])
    t.notOk(isMessages(path), path)
  t.end()
})

t.test('the wait for a head is a little longer than the caller would wait', async (t) => {
  const waits = ['600', '300', '1', '0', '3600', '999999999', '', '-1', '1.5', '1e9', '٣', '9999999999', null, undefined].map(
    firstByteTimeout,
  )

  t.strictSame(waits, [660_000, 330_000, 2_000, 1_000, 3_960_000, 3_960_000, null, null, null, null, null, null, null, null])
})

t.test('each failure has a body in the shape of the API', async (t) => {
  for (const failure of Object.keys(failures) as Failure[]) {
    const body: unknown = JSON.parse(errorBody(failure, 'no "world" 世界\n', 'req_1').toString())

    t.strictSame(body, { type: 'error', error: { type: failures[failure].claude, message: 'no "world" 世界\n' }, request_id: 'req_1' })
  }
})

t.test('an error event and a ping are whole events of one data line', async (t) => {
  t.equal(
    errorEvent('api_error', 'a\nb', 'req_1').toString(),
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"a\\nb"},"request_id":"req_1"}\n\n',
  )
  t.equal(pingEvent.toString(), 'event: ping\ndata: {"type":"ping"}\n\n')
})
