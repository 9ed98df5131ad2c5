import t from 'tap'
import { StatusLine, checkPartialReply } from '../../src/protocol/status-line.ts'
import { statusLine } from '../../src/protocol/status.ts'

const line = new StatusLine()
const parse = (text: string): string | null => line.parse(Buffer.from(`<${text}\r\n\r\n`, 'latin1'), 1)?.message ?? null

t.test('a status line gives status, version and where the fields begin', async (t) => {
  t.equal(parse('HTTP/1.0 404 Not here'), null)

  t.equal(line.status, 404)
  t.equal(line.minor, 0)
  t.equal(line.next, 1 + 'HTTP/1.0 404 Not here\r\n'.length)
})

t.test('a reason may be missing, and the space before it', async (t) => {
  t.equal(parse('HTTP/1.1 200 '), null)
  t.equal(parse('HTTP/1.1 200'), null)
  t.equal(line.next, 1 + 'HTTP/1.1 200\r\n'.length)
})

t.test('what is no status line is told as that, or as a version', async (t) => {
  for (const text of ['HTTP/1.1 20', 'HTTP/1.1 2000', 'HTTP/1.1 099 x', 'HTTP/1.1 200x', 'HTTP/1.1 200 \x01', 'http/1.1 200', '']) {
    t.equal(parse(text), 'malformed status line', text)
  }
  for (const text of ['HTTP/2.0 200 x', 'HTTP/1.2 200 x', 'HTTP/1.1\t200', 'HTTP/11 200']) t.match(parse(text), /version/, text)
})

t.test('nonsense is known before its head is whole', async (t) => {
  const check = (text: string): string | null => checkPartialReply(Buffer.from(text, 'latin1'), 0)?.message ?? null

  for (const good of ['', 'H', 'HTTP/1.', 'HTTP/1.1 200 OK\r\nA: b', 'HTTP/1.1 200 OK\r']) t.equal(check(good), null, good)
  t.equal(check('I'), 'malformed status line')
  t.equal(check('HTTP/2'), 'malformed status line')
  t.equal(check('HTTP/1.1 200 OK\n'), 'bare LF in the head')
})

t.test('a status is written with the usual reason, or one of its own', async (t) => {
  t.equal(statusLine(404).toString(), 'HTTP/1.1 404 Not Found\r\n')
  t.equal(statusLine(529).toString(), 'HTTP/1.1 529 Overloaded\r\n')
  t.equal(statusLine(799).toString(), 'HTTP/1.1 799 Unknown\r\n')
  t.equal(statusLine(404), statusLine(404))
})
