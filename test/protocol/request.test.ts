import t from 'tap'
import { RequestHead } from '../../src/protocol/request.ts'
import { refusalOf, requestOf } from './parsed.ts'

function request(...lines: readonly string[]): RequestHead {
  const head = requestOf(...lines)
  if (!(head instanceof RequestHead)) throw new Error(head.message)
  return head
}

t.test('a request line becomes method, path, query and version', async (t) => {
  const head = request('PATCH /a/b%2Fc?x=1?y HTTP/1.0')

  t.equal(head.method, 'PATCH')
  t.equal(head.path, '/a/b%2Fc')
  t.equal(head.query(), '?x=1?y')
  t.equal(head.minor, 0)
  t.equal(head.authority, '')
})

t.test('an absolute target gives the authority, whatever Host says', async (t) => {
  const head = request('GET http://one:81?q HTTP/1.1', 'Host: two')

  t.equal(head.authority, 'one:81')
  t.equal(head.path, '/')
  t.equal(head.query(), '?q')
  t.equal(request('GET / HTTP/1.1', 'Host: two:80').authority, 'two:80')
})

t.test('what a target or a version is not is told by its failure', async (t) => {
  const failure = (line: string): string | null => refusalOf(requestOf(line, 'Host: h'))

  t.equal(failure('CONNECT h:443 HTTP/1.1'), 'not_supported')
  t.equal(failure('GET /a HTTP/2.0'), 'version_not_supported')
  t.equal(failure('GET /a'), 'version_not_supported')
  t.equal(failure('GET a'), 'bad_request')
  t.equal(failure('GET /a#b HTTP/1.1'), 'bad_request')
  t.equal(failure('GET http://u@h/ HTTP/1.1'), 'bad_request')
  t.equal(failure('GET /% HTTP/1.1'), 'bad_request')
  t.equal(refusalOf(requestOf('GET / HTTP/1.1')), 'bad_request')
})

t.test('a good Host that is remembered does not make a bad one good', async (t) => {
  t.equal(refusalOf(requestOf('GET / HTTP/1.1', 'Host: good.example')), null)
  t.equal(refusalOf(requestOf('GET / HTTP/1.1', 'Host: good.example ,')), 'bad_request')
  t.equal(refusalOf(requestOf('GET / HTTP/1.1', 'Host: good.example')), null)
})

const isRefused = (path: string): boolean => refusalOf(requestOf(`GET ${path} HTTP/1.1`, 'Host: h')) === 'bad_request'

t.test('a dot segment is refused in every coding', async (t) => {
  const dots = [
    '/.',
    '/..',
    '/a/./b',
    '/a/..',
    '/%2e',
    '/.%2E',
    '/%2e%2e/',
    '/%252e',
    '/%25252e%2e',
    '/%25%32%65',
    '/%25%32e',
    '/a%2f..',
    '/a%5C..',
  ]
  const more = ['/..;x', '/..%3bx', '/a%252F.%252F', '/%25%35%63..', `/%${'25'.repeat(15_000)}2e`]
  for (const path of [...dots, ...more]) t.ok(isRefused(path), path.slice(0, 80))
})

t.test('dots elsewhere are no segment', async (t) => {
  for (const path of ['/', '/a.b', '/...', '/.a', '/a.', '/..a', '/a/..b/.c', '/%2ea', '/%2e%2e%2e', '/%25', '/%25zz.', '/a?/../b']) {
    t.notOk(isRefused(path), path)
  }
})

t.test('Host is a name, an IPv4 or a bracketed IPv6 address, with a port or none', async (t) => {
  const isHost = (text: string): boolean => refusalOf(requestOf('GET / HTTP/1.1', `Host: ${text}`)) === null

  for (const good of ['h', 'h:0', 'h:65535', 'h:', 'a.b-c_d~e', '1.2.3.4:5', '[::1]', '[::ffff:1.2.3.4]:80', 'a%20b'])
    t.ok(isHost(good), good)
  for (const bad of [
    '',
    ':80',
    'h:65536',
    'h:1234567',
    'h:8a',
    'u@h',
    'a/b',
    'a b',
    '[]',
    '[::1',
    '[::1]x',
    '[fe80::1%25eth0]',
    'a%2',
    'é',
  ]) {
    t.notOk(isHost(bad), bad)
  }
  t.notOk(isHost('a'.repeat(256)))
})
