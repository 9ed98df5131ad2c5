import t from 'tap'
import { CHUNKED, UNTIL_CLOSE, replyFraming, requestFraming } from '../../src/protocol/framing.ts'
import { goodFields, refusalOf } from './parsed.ts'

t.test('a request has a length, chunks, or no body', async (t) => {
  t.equal(requestFraming(goodFields('Content-Length: 12'), 1), 12)
  t.equal(requestFraming(goodFields('Content-Length: 12'), 0), 12)
  t.equal(requestFraming(goodFields('Transfer-Encoding: Chunked'), 1), CHUNKED)
  t.equal(requestFraming(goodFields('A: b'), 1), 0)
  t.equal(requestFraming(goodFields('Content-Length: 999999999999999'), 1), 999_999_999_999_999)
})

t.test('whatever could be read in two ways is refused', async (t) => {
  const failure = (minor: number, ...lines: readonly string[]): string | null => refusalOf(requestFraming(goodFields(...lines), minor))

  t.equal(failure(1, 'Content-Length: 1', 'Transfer-Encoding: chunked'), 'bad_request')
  t.equal(failure(1, 'Content-Length: 1', 'Content-Length: 1'), 'bad_request')
  t.equal(failure(1, 'Content-Length: 1,1'), 'bad_request')
  t.equal(failure(1, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'bad_request')
  t.equal(failure(1, 'Transfer-Encoding: chunked, gzip'), 'bad_request')
  t.equal(failure(1, 'Transfer-Encoding: gzip'), 'bad_request')
  t.equal(failure(0, 'Transfer-Encoding: chunked'), 'bad_request')
  t.equal(failure(1, 'Transfer-Encoding: gzip, chunked'), 'not_supported')
})

t.test('a reply without framing ends with its connection, unless it can have no body', async (t) => {
  t.equal(replyFraming(goodFields(), 1, 200, false), UNTIL_CLOSE)
  t.equal(replyFraming(goodFields(), 0, 200, false), UNTIL_CLOSE)
  t.equal(replyFraming(goodFields(), 1, 200, true), 0)
  for (const status of [100, 103, 204, 304]) t.equal(replyFraming(goodFields('Content-Length: 5'), 1, status, false), 0, `${status}`)
  t.equal(replyFraming(goodFields('Content-Length: 5'), 1, 205, false), 5)
  t.equal(replyFraming(goodFields('Transfer-Encoding: chunked'), 1, 200, false), CHUNKED)
})

t.test('framing that is wrong is refused even where there is no body', async (t) => {
  const both = goodFields('Content-Length: 5', 'Transfer-Encoding: chunked')

  for (const [status, isHead] of [
    [200, true],
    [204, false],
    [304, false],
    [103, false],
  ] as const) {
    t.equal(refusalOf(replyFraming(both, 1, status, isHead)), 'bad_request', `${status}`)
    t.equal(refusalOf(replyFraming(goodFields('Content-Length: x'), 1, status, isHead)), 'bad_request', `${status}`)
  }
  t.equal(refusalOf(replyFraming(goodFields('Transfer-Encoding: chunked'), 0, 200, false)), 'bad_request')
})
