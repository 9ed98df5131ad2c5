import { chunks, get, head, passed, post, refused, refusedInBody, seen, several, unanswered, type RequestCase } from './case.ts'

const hello = seen(['POST /a HTTP/1.1'], { body: 'hello' })
const badLength = (value: string, behind = 'hello'): RequestCase =>
  refused(`Content-Length: ${JSON.stringify(value)}`, 400, post([`Content-Length: ${value}`], behind))
const goodLength = (value: string): RequestCase =>
  passed(`Content-Length: ${JSON.stringify(value)} is five`, post([`Content-Length: ${value}`], 'hello'), hello)
const badCoding = (value: string, status = 400): RequestCase =>
  refused(`Transfer-Encoding: ${JSON.stringify(value)}`, status, post([`Transfer-Encoding: ${value}`], '0\r\n\r\n'))
const goodCoding = (value: string): RequestCase =>
  passed(
    `Transfer-Encoding: ${JSON.stringify(value)} is chunked`,
    post([`Transfer-Encoding: ${value}`], '5\r\nhello\r\n0\r\n\r\n'),
    seen(['POST /a HTTP/1.1'], { body: 'hello', framing: 'chunked' }),
  )

/** Content-Length and Transfer-Encoding. */
export const requestFramings: readonly RequestCase[] = [
  goodLength('5'),
  goodLength('  5\t'),
  goodLength('05'),
  goodLength('000000000000005'),
  badLength('0000000000000005'),
  badLength(''),
  badLength('+5'),
  badLength('-5'),
  badLength('0x5'),
  badLength('5,5'),
  badLength('5, 5'),
  badLength('5,'),
  badLength('5 5'),
  badLength('5.0'),
  badLength('5e0'),
  badLength('five'),
  badLength('"5"'),
  badLength('5;x'),
  badLength('18446744073709551621'),
  badLength('9999999999999999'),
  badLength('\xb25'),
  refused('Content-Length twice, the same', 400, post(['Content-Length: 5', 'Content-Length: 5'], 'hello')),
  refused('Content-Length twice, different', 400, post(['Content-Length: 5', 'Content-Length: 6'], 'hello!')),
  refused('Content-Length twice, in other letters', 400, post(['Content-Length: 5', 'cONTENT-lENGTH: 5'], 'hello')),
  refused('a body of more than the limit', 413, post(['Content-Length: 1048577'])),
  passed('Content-Length: 0', post(['Content-Length: 0']), seen(['POST /a HTTP/1.1'])),
  passed('POST without framing has no body', post([]), seen(['POST /a HTTP/1.1'])),
  passed('GET with a body', get('Content-Length: 5') + 'hello', seen(['GET /a HTTP/1.1'], { body: 'hello' })),
  passed('GET with a length of zero', get('Content-Length: 0'), seen(['GET /a HTTP/1.1'])),
  passed(
    'GET with a chunked body',
    get('Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n',
    seen(['GET /a HTTP/1.1'], { body: 'hello', framing: 'chunked' }),
  ),
  passed('HEAD with a body', head('HEAD /a HTTP/1.1', 'Host: h', 'Content-Length: 2') + 'ab', seen(['HEAD /a HTTP/1.1'], { body: 'ab' })),
  passed('a body that looks like a request', post([`Content-Length: ${get().length}`], get()), seen(['POST /a HTTP/1.1'], { body: get() })),
  passed('a body of every byte', post(['Content-Length: 256'], everyByte()), seen(['POST /a HTTP/1.1'], { body: everyByte() })),
  several('bytes behind a body are the next message', post(['Content-Length: 5'], 'hello x'), [hello], 400),
  several('two empty lines behind a body are read over', `${post(['Content-Length: 5'], 'hello')}\r\n\r\n${get()}`, [
    hello,
    seen(['GET /a HTTP/1.1']),
  ]),
  unanswered('a body that does not come', post(['Content-Length: 5'], 'hell')),
  unanswered('a chunked body that does not come', chunks('5\r\nhell')),
  unanswered('a chunked body without its end', chunks('5\r\nhello\r\n0\r\n')),

  goodCoding('chunked'),
  goodCoding('CHUNKED'),
  goodCoding('\tchunked '),
  badCoding(''),
  badCoding('identity'),
  badCoding('gzip'),
  badCoding('gzip, chunked', 501),
  badCoding('chunked, gzip'),
  badCoding('chunked, chunked'),
  badCoding('chunked,'),
  badCoding(',chunked'),
  badCoding('chunked;q=1'),
  badCoding('"chunked"'),
  badCoding("'chunked'"),
  badCoding('xchunked'),
  badCoding('chunkedx'),
  badCoding('chunk'),
  badCoding('chunked chunked'),
  badCoding('chunked\x80'),
  badCoding('chunked\x0b'),
  badCoding('\x00chunked'),
  badCoding('c\tchunked'),
  refused('Transfer-Encoding twice', 400, chunks('0\r\n\r\n', 'Transfer-Encoding: chunked')),
  refused('Transfer-Encoding twice, one of them identity', 400, chunks('0\r\n\r\n', 'Transfer-Encoding: identity')),
  refused('Transfer-Encoding twice, gzip first', 400, post(['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'], '0\r\n\r\n')),
  refused('length and coding', 400, chunks('0\r\n\r\n', 'Content-Length: 5')),
  refused('coding and length', 400, post(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n')),
  refused('a length of zero and a coding', 400, post(['Content-Length: 0', 'transfer-encoding: chunked'], '0\r\n\r\n')),
  refused('a coding that is unknown, and a length', 400, post(['Content-Length: 5', 'Transfer-Encoding: x'], 'hello')),
  refused('a coding in HTTP/1.0', 400, head('POST /a HTTP/1.0', 'Host: h', 'Transfer-Encoding: chunked') + '0\r\n\r\n'),
  refused('a coding with a folded value', 400, post(['Transfer-Encoding:', ' chunked'], '0\r\n\r\n')),
  refused('a space before the colon of a coding', 400, post(['Transfer-Encoding : chunked'], '0\r\n\r\n')),
  refused('a tab before the colon of a length', 400, post(['Content-Length\t: 5'], 'hello')),
  refused('a vertical tab before a length', 400, post(['Content-Length: \x0b5'], 'hello')),
  refused('a form feed before the name of a coding', 400, post(['\x0cTransfer-Encoding: chunked'], '0\r\n\r\n')),
  several(
    'an underscored length is no length, and does not pass',
    post(['Content_Length: 5'], '(hello'),
    [seen(['POST /a HTTP/1.1'])],
    400,
  ),
  several(
    'an underscored coding is no coding',
    post(['Transfer_Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
    [seen(['POST /a HTTP/1.1'])],
    400,
  ),
  passed('an underscored coding beside a length', post(['Content-Length: 5', 'Transfer_Encoding: chunked'], 'hello'), hello),
  refusedInBody('a size in a body that is not hex', 400, chunks('x\r\n')),
]

function everyByte(): string {
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')
}
