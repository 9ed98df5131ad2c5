import { badReply, cutReply, getA, got, headA, ok, oldA, oldKeptA, passes, replyHead, surplus, type ReplyCase } from './reply-case.ts'

const end = '0\r\n\r\n'
const hello = got(['HTTP/1.1 200 OK'], { body: 'hello' })
const inChunks = (body: string, trailers: readonly string[] = []): ReturnType<typeof got> =>
  got(['HTTP/1.1 200 OK'], { body, trailers, framing: 'chunked' })
const chunked = (behind: string, ...fields: readonly string[]): string => ok(['Transfer-Encoding: chunked', ...fields], behind)
const goodChunks = (name: string, behind: string, body = 'hello', trailers: readonly string[] = []): ReplyCase =>
  passes(name, chunked(behind), inChunks(body, trailers))
const badChunks = (name: string, behind: string): ReplyCase => cutReply(name, chunked(behind))
const badLength = (value: string): ReplyCase =>
  badReply(`Content-Length: ${JSON.stringify(value)}`, ok([`Content-Length: ${value}`], 'hello'))
const badCoding = (value: string): ReplyCase =>
  badReply(`Transfer-Encoding: ${JSON.stringify(value)}`, ok([`Transfer-Encoding: ${value}`], end))
const bare = (status: string, fields: readonly string[] = [], behind = ''): string => replyHead(`HTTP/1.1 ${status}`, ...fields) + behind
const empty = (status: string, silentLength?: number): ReturnType<typeof got> =>
  got([`HTTP/1.1 ${status}`], { framing: 'none', ...(silentLength === undefined ? {} : { silentLength }) })
const unsized = ok([], 'hello')
const untilClose = got(['HTTP/1.1 200 OK'], { body: 'hello', framing: 'until-close' })

/** How the bodies of replies are framed. */
export const replyBodies: readonly ReplyCase[] = [
  passes('a length', ok(['Content-Length: 5'], 'hello'), hello),
  passes('a length with leading zeros', ok(['Content-Length: 005'], 'hello'), hello),
  passes('a length of zero', ok(['Content-Length: 0']), got(['HTTP/1.1 200 OK'])),
  passes('a length to HTTP/1.0', ok(['Content-Length: 5'], 'hello'), hello, { ask: oldA }),
  ...['', '+5', '-5', '0x5', '5,5', '5, 5', '5 5', '5.0', 'five', '99999999999999999999', '\xb25'].map(badLength),
  badReply('Content-Length twice, the same', ok(['Content-Length: 5', 'Content-Length: 5'], 'hello')),
  badReply('Content-Length twice, different', ok(['Content-Length: 5', 'Content-Length: 6'], 'hello!')),
  badReply('both framings', chunked(end, 'Content-Length: 5')),
  badReply('both framings to HEAD', chunked('', 'Content-Length: 5'), { ask: headA }),
  badReply('both framings in a 304', bare('304 Not Modified', ['Content-Length: 5', 'Transfer-Encoding: chunked'])),
  ...['', 'identity', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', 'xchunked', 'chunked;q=1'].map(badCoding),
  badReply('Transfer-Encoding twice', chunked(end, 'Transfer-Encoding: chunked')),
  badReply('a coding in HTTP/1.0', replyHead('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked') + end),
  surplus('more bytes than the length', ok(['Content-Length: 5'], 'hello world'), hello),
  surplus('one byte more than the length', ok(['Content-Length: 5'], 'hello!'), hello),
  surplus('a second reply that nobody asked for', ok(['Content-Length: 5'], 'hello') + ok(['Content-Length: 4'], 'evil'), hello),
  surplus('bytes behind a length of zero', ok(['Content-Length: 0'], 'x'), got(['HTTP/1.1 200 OK'])),
  surplus('bytes behind chunks', chunked(`5\r\nhello\r\n${end}x`), inChunks('hello')),
  surplus('an empty line behind chunks', chunked(`${end}\r\n`), inChunks('')),
  cutReply('fewer bytes than the length', ok(['Content-Length: 5'], 'hell'), { origin: 'closes' }),
  cutReply('no byte of a length', ok(['Content-Length: 5']), { origin: 'closes' }),
  cutReply('a reset within a length', ok(['Content-Length: 5'], 'hell'), { origin: 'resets' }),

  passes('bytes until the origin closes, in chunks to HTTP/1.1', unsized, inChunks('hello'), { origin: 'closes' }),
  passes('none until the origin closes', ok([]), inChunks(''), { origin: 'closes' }),
  passes('bytes until the origin closes, to HTTP/1.0', unsized, untilClose, { ask: oldA, origin: 'closes' }),
  passes('the same to HTTP/1.0 with keep-alive', unsized, untilClose, { ask: oldKeptA, origin: 'closes' }),
  passes('an old origin without a length', replyHead('HTTP/1.0 200 OK') + 'hello', inChunks('hello'), { origin: 'closes' }),
  passes('an old origin that promises to keep', replyHead('HTTP/1.0 200 OK', 'Connection: keep-alive') + 'x', inChunks('x'), {
    origin: 'closes',
  }),
  cutReply('a reset instead of the end', unsized, { origin: 'resets' }),
  cutReply('a reset instead of the end, to HTTP/1.0', unsized, { ask: oldA, origin: 'resets' }),

  goodChunks('one chunk', `5\r\nhello\r\n${end}`),
  goodChunks('no chunk', end, ''),
  goodChunks('many chunks', `1\r\nh\r\n2\r\nel\r\n02\r\nlo\r\n${end}`),
  goodChunks('extensions are read over', `5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n`),
  goodChunks('trailers', `5\r\nhello\r\n0\r\nA: b\r\nC:d\r\n\r\n`, 'hello', ['A: b', 'C:d']),
  passes('chunks to HTTP/1.0', chunked(`5\r\nhello\r\n${end}`), untilClose, { ask: oldA }),
  passes('trailers to HTTP/1.0 are lost', chunked('5\r\nhello\r\n0\r\nA: b\r\n\r\n'), untilClose, { ask: oldA }),
  badChunks('a size that is not hex', `x\r\nhello\r\n${end}`),
  badChunks('no size', `\r\n${end}`),
  badChunks('a size with 0x', `0x5\r\nhello\r\n${end}`),
  badChunks('a negative size', `-5\r\nhello\r\n${end}`),
  badChunks('a size that overflows', `ffffffffffffffff\r\nhello\r\n${end}`),
  badChunks('a space behind a size', `5 \r\nhello\r\n${end}`),
  badChunks('a bare LF behind a size', `5\nhello\r\n${end}`),
  badChunks('a bare LF behind a chunk', `5\r\nhello\n${end}`),
  badChunks('a chunk that is too long', `4\r\nhello\r\n${end}`),
  badChunks('a second size that is bad', `5\r\nhello\r\nzz\r\n`),
  badChunks('an extension flood', `5;${'a'.repeat(20_000)}\r\nhello\r\n${end}`),
  badChunks('a forbidden trailer', '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n'),
  badChunks('a forbidden trailer, Transfer-Encoding', '0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  badChunks('a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'),
  badChunks('a trailer with a control byte', '0\r\nA: b\0\r\n\r\n'),
  badChunks('a bare LF as the end', '0\r\n\n'),
  cutReply('no last chunk', chunked('5\r\nhello\r\n'), { origin: 'closes' }),
  cutReply('half a chunk', chunked('5\r\nhel'), { origin: 'closes' }),
  cutReply('half a last chunk', chunked('5\r\nhello\r\n0\r\n'), { origin: 'closes' }),
  cutReply('chunks to HTTP/1.0 that break off', chunked('5\r\nhello\r\n'), { ask: oldA, origin: 'closes' }),

  passes('HEAD with a length', ok(['Content-Length: 5']), empty('200 OK', 5), { ask: headA }),
  passes('HEAD with chunks', chunked(''), empty('200 OK'), { ask: headA }),
  passes('HEAD without framing', ok([]), empty('200 OK'), { ask: headA }),
  passes('HEAD with a length of zero', ok(['Content-Length: 0']), empty('200 OK', 0), { ask: headA }),
  surplus('HEAD with a body', ok(['Content-Length: 5'], 'hello'), empty('200 OK', 5), { ask: headA }),
  badReply('HEAD with a bad length', ok(['Content-Length: x']), { ask: headA }),
  passes('204', bare('204 No Content'), empty('204 No Content')),
  passes('204 with a length', bare('204 No Content', ['Content-Length: 0']), empty('204 No Content')),
  passes('204 with a coding', bare('204 No Content', ['Transfer-Encoding: chunked']), empty('204 No Content')),
  surplus('204 with a body', bare('204 No Content', ['Content-Length: 5'], 'hello'), empty('204 No Content')),
  passes('304', bare('304 Not Modified', ['ETag: "x"']), got(['HTTP/1.1 304 Not Modified', 'ETag: "x"'], { framing: 'none' })),
  passes('304 with a length', bare('304 Not Modified', ['Content-Length: 5']), empty('304 Not Modified', 5)),
  surplus('304 with a body', bare('304 Not Modified', [], 'hello'), empty('304 Not Modified')),
  passes('205 with a length', bare('205 Reset Content', ['Content-Length: 0']), got(['HTTP/1.1 205 Reset Content'])),

  passes('103 passes', bare('103 Early Hints', ['Link: </a>']) + ok(['Content-Length: 5'], 'hello'), hello, {
    informs: ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'],
  }),
  passes('100 passes', bare('100 Continue') + ok(['Content-Length: 5'], 'hello'), hello, { informs: ['HTTP/1.1 100 Continue\r\n\r\n'] }),
  passes(
    '102, 103 and 199 pass in order',
    bare('102 Processing') + bare('103 x') + bare('199 x') + ok(['Content-Length: 5'], 'hello'),
    hello,
    {
      informs: ['HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 199 Unknown\r\n\r\n'],
    },
  ),
  passes(
    'framing and hops of a 103 end here',
    bare('103 x', ['Content-Length: 5', 'Connection: x', 'X: 1', 'A: b']) + ok(['Content-Length: 5'], 'hello'),
    hello,
    { informs: ['HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n'] },
  ),
  passes('103 is nothing to HTTP/1.0', bare('103 Early Hints') + ok(['Content-Length: 5'], 'hello'), hello, { ask: oldA }),
  passes('64 informational heads', bare('103 x').repeat(64) + ok(['Content-Length: 5'], 'hello'), hello, {
    informs: Array.from({ length: 64 }, () => 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  }),
  badReply('65 informational heads', bare('103 x').repeat(65) + ok(['Content-Length: 5'], 'hello')),
  badReply('101 that nobody asked for', bare('101 Switching Protocols', ['Upgrade: x', 'Connection: upgrade']), { ask: getA }),
  badReply('a bad field in a 103', bare('103 x', ['A : b']) + ok(['Content-Length: 5'], 'hello')),
  badReply('a 103 with a bad length', bare('103 x', ['Content-Length: 5 5']) + ok(['Content-Length: 5'], 'hello')),
  badReply('a 103 with both framings', bare('103 x', ['Content-Length: 5', 'Transfer-Encoding: chunked']) + ok([], 'x')),
  badReply('a 103, then the end', bare('103 x'), { origin: 'closes' }),
]
