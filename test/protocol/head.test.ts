import t from 'tap'
import { Head } from '../../src/protocol/head.ts'
import { Name } from '../../src/protocol/names.ts'
import { fields, goodFields, refusalOf } from './parsed.ts'

t.test('a head knows its fields by place, by number and by name', async (t) => {
  const head = goodFields('Host: h', 'X-Other:  a \t', 'CONTENT-length: 5', 'x-other: b')

  t.equal(head.count, 4)
  t.equal(head.name(1), 'x-other')
  t.equal(head.value(1), 'a')
  t.equal(head.idOf(1), Name.other)
  t.equal(head.idOf(2), Name.contentLength)
  t.equal(head.text(Name.contentLength), '5')
  t.equal(head.text(Name.expect), null)
  t.same(head.values('x-other'), ['a', 'b'])
})

t.test('a field that comes twice is known to', async (t) => {
  const head = goodFields('Host: a', 'host: b', 'Via: c')

  t.ok(head.isDoubled(Name.host))
  t.notOk(head.isDoubled(Name.via))
  t.equal(head.text(Name.host), 'a')
})

t.test('an underscored twin of a known name is none of its kind', async (t) => {
  const head = goodFields('X_Api_Key: a', 'Content_Length: 5')

  t.notOk(head.has(Name.apiKey))
  t.notOk(head.has(Name.contentLength))
  t.same([head.idOf(0), head.idOf(1)], [Name.dropped, Name.dropped])
})

t.test('a head is filled again without a trace of what was in it', async (t) => {
  const head = new Head()
  const first = Buffer.from('Connection: close, x\r\nHost: a\r\nHost: b\r\nX: y\r\n\r\n')
  const second = Buffer.from('Via: c\r\n\r\n')
  head.parse(first, 0, first.length - 2, 100)

  t.equal(head.parse(second, 0, second.length - 2, 100), null)

  t.equal(head.count, 1)
  t.equal(head.seen, 1 << Name.via)
  t.equal(head.doubled, 0)
  t.notOk(head.saysClose)
  t.equal(head.idOf(0), Name.via)
})

t.test('there may be as many fields as the bound says', async (t) => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, k) => `a${k}: b`)

  t.equal((fields(many(200), 200) as Head).value(199), 'b')
  t.equal(refusalOf(fields(many(201), 200)), 'head_too_large')
})

t.test('Connection says close and keep-alive in any letters, in any field, among others', async (t) => {
  t.ok(goodFields('Connection: close').saysClose)
  t.ok(goodFields('Connection: x, CLOSE').saysClose)
  t.ok(goodFields('Connection: x', 'connection: Close').saysClose)
  t.ok(goodFields('Connection: Keep-Alive').saysKeepAlive)
  t.notOk(goodFields('Connection: closed').saysClose)
  t.notOk(goodFields('Connection: keep_alive').saysKeepAlive)
})

t.test('what Connection names is marked as dropped, unless relay could not do without it', async (t) => {
  const head = goodFields('X: 1', 'Connection: x, via', 'Via: 2', 'Y: 3', 'x: 4')

  t.same(
    [0, 2, 3, 4].map((k) => head.idOf(k)),
    [Name.dropped, Name.dropped, Name.other, Name.dropped],
  )
  for (const name of ['host', 'content-length', 'transfer-encoding', 'authorization', 'x-api-key', 'X_Api_Key', 'proxy-authorization']) {
    t.equal(refusalOf(fields([`Connection: a, ${name}`])), 'bad_request', name)
  }
})

t.test('each way a field line is malformed is told by its own message', async (t) => {
  const messages = ['A : b', ' A: b', 'A', 'A: b\x01', 'A: b\rc', '\nA: b', ': b'].map(
    (line) => (fields([line]) as { message: string }).message,
  )

  t.same(messages, [
    'space before the colon of a header field',
    'folded header line',
    'malformed header field name',
    'control byte in a header field value',
    'bare CR or LF in a header line',
    'bare CR or LF in a header line',
    'malformed header field name',
  ])
})
