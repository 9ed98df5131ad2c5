import { block, data, endHeaders, endStream, headers } from '../helpers/h2-frames.ts'
import { hex } from './case.ts'
import {
  framesOf,
  getFields,
  good,
  malformed,
  malformedBody,
  malformedField,
  postFields,
  pseudoWith,
  type Field,
  type H2Case,
} from './h2-case.ts'

const evil = 'x\r\nEvil: y'
const smuggled = 'x\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n'
const controls = [...Array.from({ length: 32 }, (_, byte) => byte).filter((byte) => byte !== 9), 127]
const notTokens = '"(),/:;<=>?@[\\]{} \t\x80\xff'.split('')

const names: readonly H2Case[] = [
  malformedField('an upper-case letter in a name', ['A-b', 'c']),
  malformedField('an upper-case letter at the end of a name', ['a-B', 'c']),
  malformedField('a known name in upper case', ['Content-Length', '0']),
  malformedField('an empty name', ['', 'c']),
  malformedField('a line as a name', ['a: b\r\nevil', 'c']),
  malformedField('a request as a name', ['a: b\r\n\r\nGET /evil HTTP/1.1\r\nhost', 'h']),
  ...notTokens.map((byte) => malformedField(`${hex(byte.charCodeAt(0))} in a name`, [`a${byte}b`, 'c'])),
  ...controls.map((byte) => malformedField(`${hex(byte)} in a name`, [`a${String.fromCharCode(byte)}b`, 'c'])),
]

const values: readonly H2Case[] = [
  ...controls.map((byte) => malformedField(`${hex(byte)} in a value`, ['a', `b${String.fromCharCode(byte)}c`])),
  malformedField('a line in a value', ['a', evil]),
  malformedField('a request in a value', ['a', smuggled]),
  malformedField('CR at the end of a value', ['a', 'b\r']),
  malformedField('LF at the end of a value', ['a', 'b\n']),
  malformedField('a space in front of a value', ['a', ' b']),
  malformedField('a space behind a value', ['a', 'b ']),
  malformedField('a tab in front of a value', ['a', '\tb']),
  malformedField('a tab behind a value', ['a', 'b\t']),
  malformedField('a value that is a space', ['a', ' ']),
  malformedField('a folded line', ['a', 'b\r\n c']),
]

const connection: readonly H2Case[] = [
  malformedField('Connection', ['connection', 'close']),
  malformedField('Connection that keeps alive', ['connection', 'keep-alive']),
  malformedField('Connection that names a field', ['connection', 'x-a'], ['x-a', 'b']),
  malformedField('Keep-Alive', ['keep-alive', 'timeout=5']),
  malformedField('Proxy-Connection', ['proxy-connection', 'keep-alive']),
  malformedField('Transfer-Encoding', ['transfer-encoding', 'chunked']),
  malformedField('Transfer-Encoding that says nothing', ['transfer-encoding', 'identity']),
  malformedField('Upgrade', ['upgrade', 'websocket']),
  malformedField('Upgrade with Connection', ['connection', 'upgrade'], ['upgrade', 'h2c']),
  malformedField('TE other than trailers', ['te', 'gzip']),
  malformedField('TE with more than trailers', ['te', 'trailers, gzip']),
  malformedBody(
    'Transfer-Encoding with a body of chunks',
    [['transfer-encoding', 'chunked']],
    ['0\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n'],
  ),
]

const connectFields = [[':method', 'CONNECT'], [':protocol', 'websocket'], ...getFields.slice(1)] as const

const pseudoFields: readonly H2Case[] = [
  malformed('a pseudo-header field behind a field', [...getFields.slice(0, 3), ['a', 'b'], ...getFields.slice(3)]),
  malformed('a method behind a field', [['a', 'b'], ...getFields]),
  ...getFields.map(([name, value]) => malformed(`${name} twice`, [...getFields, [name, value]])),
  malformed(':path twice, with different paths', [...getFields, [':path', '/evil']]),
  malformed(':authority twice, with different hosts', [...getFields, [':authority', 'evil']]),
  malformed('an unknown pseudo-header field', [...getFields, [':unknown', 'a']]),
  malformed('a pseudo-header field in upper case', pseudoWith({ ':path': undefined }).concat([[':Path', '/a']])),
  malformed('a pseudo-header field without a name', [...getFields, [':', 'a']]),
  malformed(':status', [...getFields, [':status', '200']]),
  malformed(':protocol', [...getFields, [':protocol', 'websocket']]),
  malformed('no :method', pseudoWith({ ':method': undefined })),
  malformed('no :scheme', pseudoWith({ ':scheme': undefined })),
  malformed('no :path', pseudoWith({ ':path': undefined })),
  malformed('neither :authority nor Host', pseudoWith({ ':authority': undefined })),
  malformed('no pseudo-header fields', [['host', 'h']]),
  malformed('no fields', []),
  malformed('an empty :method', pseudoWith({ ':method': '' })),
  malformed('an empty :scheme', pseudoWith({ ':scheme': '' })),
  malformed('an empty :path', pseudoWith({ ':path': '' })),
  malformed('an empty :authority', pseudoWith({ ':authority': '' })),
  malformed('a request line as :method', pseudoWith({ ':method': 'GET /evil HTTP/1.1\r\nhost: h\r\n\r\nGET' })),
  malformed('a space in :method', pseudoWith({ ':method': 'GET /evil' })),
  malformed('a colon in :method', pseudoWith({ ':method': 'GET:' })),
  malformed('NUL in :method', pseudoWith({ ':method': 'GE\0T' })),
  malformed('CONNECT', [
    [':method', 'CONNECT'],
    [':authority', 'h:443'],
  ]),
  malformed('CONNECT with a path', pseudoWith({ ':method': 'CONNECT' })),
  malformed('an extended CONNECT with a length', [...connectFields, ['content-length', '1']]),
  malformed('an extended CONNECT with two protocols', [...connectFields.slice(0, 2), [':protocol', 'h2c'], ...connectFields.slice(2)]),
  malformed(
    'an extended CONNECT without a path',
    connectFields.filter(([name]) => name !== ':path'),
  ),
  malformed(
    'an extended CONNECT without a scheme',
    connectFields.filter(([name]) => name !== ':scheme'),
  ),
  malformed(
    'a line in :protocol',
    connectFields.map(([name, value]) => [name, name === ':protocol' ? 'websocket\r\nevil: x' : value]),
  ),
  malformed('an extended CONNECT with an Upgrade of its own', [...connectFields, ['upgrade', 'h2c']]),
  malformed('a line in :scheme', pseudoWith({ ':scheme': 'http\r\nevil: x' })),
  malformed('a scheme that is none', pseudoWith({ ':scheme': 'http://evil/?' })),
]

const paths: readonly H2Case[] = [
  malformed(':path without a slash', pseudoWith({ ':path': 'a' })),
  malformed(':path as a whole URL', pseudoWith({ ':path': 'http://evil/a' })),
  malformed(':path as an asterisk of GET', pseudoWith({ ':path': '*' })),
  malformed(':path that begins with a question mark', pseudoWith({ ':path': '?a=b' })),
  malformed('a space in :path', pseudoWith({ ':path': '/a HTTP/1.1' })),
  malformed('a tab in :path', pseudoWith({ ':path': '/a\tb' })),
  malformed('a request in :path', pseudoWith({ ':path': '/a HTTP/1.1\r\nhost: h\r\n\r\nGET /evil' })),
  malformed('CR in :path', pseudoWith({ ':path': '/a\rb' })),
  malformed('LF in :path', pseudoWith({ ':path': '/a\nb' })),
  malformed('NUL in :path', pseudoWith({ ':path': '/a\0b' })),
  malformed('a fragment in :path', pseudoWith({ ':path': '/a#b' })),
  malformed('a byte above ASCII in :path', pseudoWith({ ':path': '/\xe9' })),
  malformed('dot segments in :path', pseudoWith({ ':path': '/b/../a' })),
  malformed('coded dot segments in :path', pseudoWith({ ':path': '/b/%2e%2e/a' })),
  malformed('half a percent code in :path', pseudoWith({ ':path': '/%2' })),
  malformed('a space in front of :path', pseudoWith({ ':path': ' /a' })),
]

const authorities: readonly H2Case[] = [
  malformed('userinfo in :authority', pseudoWith({ ':authority': 'user@h' })),
  malformed('userinfo with a password in :authority', pseudoWith({ ':authority': 'user:word@h' })),
  malformed('a space in :authority', pseudoWith({ ':authority': 'h evil' })),
  malformed('a slash in :authority', pseudoWith({ ':authority': 'h/evil' })),
  malformed('a line in :authority', pseudoWith({ ':authority': 'h\r\nevil: x' })),
  malformed('a port that is none in :authority', pseudoWith({ ':authority': 'h:99999' })),
  malformed('a list in :authority', pseudoWith({ ':authority': 'h, evil' })),
  malformed('Host that differs from :authority', [...getFields, ['host', 'evil']]),
  malformed('Host that differs from :authority by a port', [...getFields, ['host', 'h:81']]),
  malformed('two Hosts, with :authority', [...getFields, ['host', 'h'], ['host', 'evil']]),
  malformed('two Hosts, without :authority', [...pseudoWith({ ':authority': undefined }), ['host', 'h'], ['host', 'h']]),
  malformed('an empty Host, without :authority', [...pseudoWith({ ':authority': undefined }), ['host', '']]),
  malformed('userinfo in Host, without :authority', [...pseudoWith({ ':authority': undefined }), ['host', 'user@h']]),
]

const length = (value: string): Field => ['content-length', value]
const lengths: readonly H2Case[] = [
  malformed('a length with no body', [...postFields, length('5')]),
  malformed('two lengths', [...getFields, length('0'), length('5')]),
  malformed('the same length twice', [...getFields, length('0'), length('0')]),
  malformed('a length that is a list', [...getFields, length('0, 0')]),
  malformed('a length that is a word', [...getFields, length('abc')]),
  malformed('a length with a sign', [...getFields, length('+0')]),
  malformed('a negative length', [...getFields, length('-1')]),
  malformed('an empty length', [...getFields, length('')]),
  malformed('a length in hex', [...getFields, length('0x0')]),
  malformed('a length beyond all numbers', [...getFields, length('99999999999999999999')]),
  malformedBody('less DATA than the length', [length('5')], ['abc']),
  malformedBody('more DATA than the length', [length('3')], ['abcd']),
  malformedBody('a request behind the length', [length('3')], ['abc', 'GET /evil HTTP/1.1\r\nHost: h\r\n\r\n']),
  malformedBody('DATA where the length is 0', [length('0')], ['GET /evil HTTP/1.1\r\nHost: h\r\n\r\n']),
  malformedBody('less DATA than the length, and trailers', [length('5')], ['abc'], [['a', 'b']]),
  malformedBody('no DATA, a length and trailers', [length('5')], [], [['a', 'b']]),
]

const trailers: readonly H2Case[] = [
  malformedBody('a pseudo-header field in trailers', [], ['abc'], [[':path', '/evil']]),
  malformedBody(':status in trailers', [], ['abc'], [[':status', '200']]),
  malformedBody('an upper-case letter in trailers', [], ['abc'], [['A', 'b']]),
  malformedBody('a line in a trailer', [], ['abc'], [['a', evil]]),
  malformedBody('a request in a trailer', [], ['abc'], [['a', smuggled]]),
  malformedBody('a request in the name of a trailer', [], ['abc'], [['a: b\r\n\r\nGET /evil HTTP/1.1\r\nhost', 'h']]),
  malformedBody('NUL in a trailer', [], ['abc'], [['a', 'b\0c']]),
  malformedBody('an empty name in trailers', [], ['abc'], [['', 'b']]),
  malformedBody('Connection in trailers', [], ['abc'], [['connection', 'close']]),
  malformedBody('Transfer-Encoding in trailers', [], ['abc'], [['transfer-encoding', 'chunked']]),
  ...['content-length', 'host', 'authorization', 'x-api-key', 'x_api_key', 'trailer', 'expect', 'content-type', 'x-forwarded-for'].map(
    (name) => malformedBody(`${name} in trailers`, [], ['abc'], [[name, '5']]),
  ),
  {
    name: 'trailers that do not end the stream',
    frames: [
      headers(1, block(...postFields), endHeaders),
      data(1, 'abc'),
      headers(1, block(['a', 'b']), endHeaders),
      data(1, 'x', endStream),
    ],
    expect: 'no call',
  },
]

/** Requests that are malformed (RFC 9113 §8), or that relay refuses in any version. */
export const malformedRequests: readonly H2Case[] = [
  ...names,
  ...values,
  ...connection,
  ...pseudoFields,
  ...paths,
  ...authorities,
  ...lengths,
  ...trailers,
]

/** Requests at the edge of what is allowed, and what an origin gets of them. */
export const goodRequests: readonly H2Case[] = [
  good('a plain GET', getFields, {}),
  good('pseudo-header fields in another order', getFields.toReversed(), {}),
  good('no :authority, but Host', [...pseudoWith({ ':authority': undefined }), ['host', 'h']], {}),
  good('Host that is :authority', [...getFields, ['host', 'h']], {}),
  good('TE that says trailers', [...getFields, ['te', 'trailers']], {}),
  good('a query', pseudoWith({ ':path': '/a?b=c&d=/../e' }), { line: 'GET /a?b=c&d=/../e HTTP/1.1' }),
  good('OPTIONS of an asterisk', pseudoWith({ ':method': 'OPTIONS', ':path': '*' }), { line: 'OPTIONS * HTTP/1.1' }),
  good('a method of its own', pseudoWith({ ':method': "X-!#$%&'*+.^_`|~0" }), { line: "X-!#$%&'*+.^_`|~0 /a HTTP/1.1" }),
  good('fields stay in their order', [...getFields, ['b', '1'], ['a', '2'], ['b', '3']], { fields: ['b: 1', 'a: 2', 'b: 3'] }),
  good('an empty value', [...getFields, ['a', '']], { fields: ['a: '] }),
  good('obs-text and colons in a value', [...getFields, ['a', 'b: caf\xe9 \t c']], { fields: ['a: b: caf\xe9 \t c'] }),
  good('crumbs of a cookie become one line', [...getFields, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2; c=3'], ['cookie', 'd=4']], {
    fields: ['x: y', 'cookie: a=1; b=2; c=3; d=4'],
  }),
  good(
    'underscored twins of framing are dropped',
    [...getFields, ['transfer_encoding', 'chunked'], ['content_length', '5'], ['x_y', 'z']],
    {
      fields: ['x_y: z'],
    },
  ),
  good('a body of a known length', [...postFields, length('6')], { line: 'POST /a HTTP/1.1' }, ['abc', 'def']),
  good('a body of no known length', postFields, { line: 'POST /a HTTP/1.1' }, ['abc', 'def']),
  good('a body that looks like a request', postFields, { line: 'POST /a HTTP/1.1' }, ['0\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n']),
  good('an empty body of a known length', [...postFields, length('0')], { line: 'POST /a HTTP/1.1' }),
  good('a length of 0 with GET', [...getFields, length('0')], {}),
  good('a body with GET', getFields, {}, ['abc']),
  {
    name: 'trailers',
    frames: framesOf(
      postFields,
      ['abc'],
      [
        ['a', 'b'],
        ['grpc-status', '0'],
      ],
    ),
    expect: { line: 'POST /a HTTP/1.1', fields: [], body: 'abc', trailers: ['a: b', 'grpc-status: 0'] },
  },
]
