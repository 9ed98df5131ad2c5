import { hex } from './case.ts'
import { badReply, got, ok, passes, replyHead, type ReplyCase } from './reply-case.ts'

const two = ['Content-Length: 2']
const plain = got(['HTTP/1.1 200 OK'], { body: 'ok' })
const line = (first: string): string => replyHead(first, ...two) + 'ok'
const badLine = (first: string): ReplyCase => badReply(`the status line ${JSON.stringify(first)}`, line(first))
const goodLine = (first: string, status: string): ReplyCase =>
  passes(`the status line ${JSON.stringify(first)}`, line(first), got([`HTTP/1.1 ${status}`], { body: 'ok' }))
const badField = (field: string): ReplyCase => badReply(`the field ${JSON.stringify(field)}`, ok([field, ...two], 'ok'))
const goodField = (field: string): ReplyCase =>
  passes(`the field ${JSON.stringify(field)}`, ok([field, ...two], 'ok'), got(['HTTP/1.1 200 OK', field], { body: 'ok' }))
const drops = (...fields: readonly string[]): ReplyCase =>
  passes(
    `${fields.join(' + ')} ends here`,
    ok(['A: 1', ...fields, ...two, 'B: 2'], 'ok'),
    got(['HTTP/1.1 200 OK', 'A: 1', 'B: 2'], { body: 'ok' }),
  )
const controls = [0, 1, 7, 8, 11, 12, 14, 27, 31, 127]

/** Status lines and fields of replies. */
export const replyHeads: readonly ReplyCase[] = [
  passes('a plain reply', ok(two, 'ok'), plain),
  goodLine('HTTP/1.1 200', '200 OK'),
  goodLine('HTTP/1.1 200 ', '200 OK'),
  goodLine('HTTP/1.1 200 Very\tfine \xe9', '200 OK'),
  goodLine('HTTP/1.1 404 OK', '404 Not Found'),
  goodLine('HTTP/1.1 529 Site is overloaded', '529 Overloaded'),
  goodLine('HTTP/1.1 299 x', '299 Unknown'),
  goodLine('HTTP/1.1 999 x', '999 Unknown'),
  badLine('HTTP/1.1 20 OK'),
  badLine('HTTP/1.1 2000 OK'),
  badLine('HTTP/1.1 099 OK'),
  badLine('HTTP/1.1 2x0 OK'),
  badLine('HTTP/1.1 +20 OK'),
  badLine('HTTP/1.1  200 OK'),
  badLine('HTTP/1.1\t200 OK'),
  badLine('HTTP/1.1 200\tOK'),
  badLine('HTTP/1.1 200OK'),
  badLine('HTTP/1.1 '),
  badLine('HTTP/1.1'),
  badLine(' HTTP/1.1 200 OK'),
  badLine('http/1.1 200 OK'),
  badLine('HTTP/1.2 200 OK'),
  badLine('HTTP/2.0 200 OK'),
  badLine('HTTP/2 200'),
  badLine('HTTP/0.9 200 OK'),
  badLine('ICY 200 OK'),
  badLine('GET / HTTP/1.1'),
  badLine(''),
  badLine('HTTP/1.1 200 O\x00K'),
  badLine('HTTP/1.1 200 O\x7fK'),
  badLine('HTTP/1.1 200 O\rK'),
  badLine('HTTP/1.1 200 O\nA: K'),
  badReply('HTTP/0.9, only a body', 'hello', { origin: 'closes' }),
  badReply('a TLS alert', '\x15\x03\x01\x00\x02\x02\x28', { origin: 'closes' }),
  badReply('nothing', '', { origin: 'closes' }),
  badReply('a reset instead of a reply', '', { origin: 'resets' }),
  badReply('half a head', 'HTTP/1.1 200 OK\r\nContent-Le', { origin: 'closes' }),
  badReply('a head without its empty line', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n', { origin: 'closes' }),
  badReply('an empty line before the status line', `\r\n${ok(two, 'ok')}`),
  badReply('bare LFs everywhere', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  badReply('a bare LF as the empty line', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok'),
  badReply('a head of more than 128 KiB', ok([`A: ${'x'.repeat(131_072)}`, ...two], 'ok')),
  badReply('a head that does not end', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(140_000)}`),
  badReply('more than 512 fields', ok([...Array.from({ length: 513 }, (_, k) => `A${k}: b`), ...two], 'ok')),

  goodField('A:'),
  goodField('A:b'),
  goodField('A: \t b \t '),
  goodField('Set-Cookie: a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT'),
  goodField('Server: x/1 (y)'),
  goodField('A: caf\xc3\xa9 \xff'),
  goodField('X_Other: 1'),
  goodField('Anthropic-Ratelimit-Requests-Limit: 5'),
  goodField('Content-Type: text/event-stream; charset=utf-8'),
  ...controls.map((byte) => badReply(`${hex(byte)} in a value`, ok([`A: b${String.fromCharCode(byte)}c`, ...two], 'ok'))),
  ...controls.map((byte) => badReply(`${hex(byte)} in a name`, ok([`A${String.fromCharCode(byte)}B: c`, ...two], 'ok'))),
  badField('A: b\r c'),
  badField('A: b\nC: d'),
  badField('A: b\r\n c'),
  badField('A: b\r\n\tc'),
  badField(' A: b'),
  badField('A : b'),
  badField('A\t: b'),
  badField('A'),
  badField(': b'),
  badField('A B: c'),
  badField('A\x80: b'),
  badField('Connection: Content-Length'),
  badField('Connection: a b'),

  drops('Connection: keep-alive'),
  drops('Keep-Alive: timeout=500'),
  drops('Proxy-Connection: keep-alive'),
  drops('Proxy-Authenticate: Basic'),
  drops('Proxy-Authentication-Info: x'),
  drops('TE: trailers'),
  drops('Trailer: A'),
  drops('Upgrade: h2c', 'Connection: Upgrade'),
  drops('Connection: x-named', 'X-Named: 1', 'X_Named: 2'),
  drops('Content_Length: 7'),
  drops('Transfer_Encoding: chunked'),
  drops('Content_Type: a/b'),
  passes('Connection: close ends the connection', ok([...two, 'Connection: close'], 'ok'), plain, { isReused: false }),
  passes('close among others ends the connection', ok([...two, 'Connection: x, CLOSE'], 'ok'), plain, { isReused: false }),
  passes('an upstream of HTTP/1.0 is asked once', replyHead('HTTP/1.0 200 OK', ...two) + 'ok', plain, { isReused: false }),
]
