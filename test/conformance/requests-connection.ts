import { chunks, get, head, passed, post, refused, seen, several, unanswered, type RequestCase } from './case.ts'

const plain = seen(['GET /a HTTP/1.1'])
const old = (...fields: readonly string[]): string => head('GET /a HTTP/1.0', ...fields)
/** The bounds that these cases are run with. */
export const bounds = { head: 1024, fields: 20 } as const
/** `GET /a` with a head of exactly so many bytes, the empty line not counted. */
const sized = (size: number): string => {
  const bare = get('A: ').length - 2
  return get(`A: ${'x'.repeat(size - bare)}`)
}
const sizedLine = (size: number): string => head(`GET /${'x'.repeat(size - 'GET / HTTP/1.1'.length)} HTTP/1.1`, 'Host: h')
const counted = (count: number): readonly string[] => Array.from({ length: count - 1 }, (_, k) => `A${k}: b`)

/** Several messages on one connection, HTTP/1.0, and the bounds. */
export const requestConnections: readonly RequestCase[] = [
  passed('an empty line before a request', `\r\n${get()}`, plain),
  passed('four empty lines before a request', `${'\r\n'.repeat(4)}${get()}`, plain),
  refused('five empty lines before a request', 400, `${'\r\n'.repeat(5)}${get()}`),
  refused('empty lines without end', 400, '\r\n'.repeat(6)),
  refused('a bare LF before a request', 400, `\n${get()}`),
  refused('a bare CR before a request', 400, `\r${get()}`),
  refused('a space before a request', 400, ` ${get()}`),
  refused('NUL before a request', 400, `\0${get()}`),
  refused('a byte order mark before a request', 400, `\xef\xbb\xbf${get()}`),
  unanswered('nothing but an empty line', '\r\n'),
  unanswered('half a request line', 'GET /a HT'),
  unanswered('a head without its empty line', 'GET /a HTTP/1.1\r\nHost: h\r\n'),
  unanswered('a head with half its empty line', 'GET /a HTTP/1.1\r\nHost: h\r\n\r'),

  several('two calls at once', get() + get('A: 2'), [plain, seen(['GET /a HTTP/1.1', 'A: 2'])]),
  several('five calls at once', get().repeat(5), [plain, plain, plain, plain, plain]),
  several(
    'calls with bodies between calls without',
    get() + post(['Content-Length: 5'], 'hello') + chunks('2\r\nab\r\n0\r\n\r\n') + get(),
    [plain, seen(['POST /a HTTP/1.1'], { body: 'hello' }), seen(['POST /a HTTP/1.1'], { body: 'ab', framing: 'chunked' }), plain],
  ),
  several('HEAD before GET', head('HEAD /a HTTP/1.1', 'Host: h') + get(), [seen(['HEAD /a HTTP/1.1']), plain]),
  several('a bad second message', `${get()}GET /a HTTP/1.1\r\nHost : h\r\n\r\n`, [plain], 400),
  several('a second message of another version', get() + head('GET /a HTTP/2.0', 'Host: h'), [plain], 505),
  several('a second message with both framings', get() + chunks('0\r\n\r\n', 'Content-Length: 5'), [plain], 400),
  several('a third that is bad, and a fourth that is not heard', get() + get() + get('A : b') + get(), [plain, plain], 400),
  several('nothing is heard behind close', get('Connection: close') + get(), [plain]),
  several('nothing is heard behind close among others', get('Connection: x, CLOSE, y') + get(), [plain]),
  several('close in the second of two fields', get('Connection: keep-alive', 'Connection: close') + get(), [plain]),

  passed('HTTP/1.0 without Host', old(), plain),
  passed('HTTP/1.0 with Host', old('Host: h'), plain),
  passed('HTTP/1.0 with a body', head('POST /a HTTP/1.0', 'Content-Length: 5') + 'hello', seen(['POST /a HTTP/1.1'], { body: 'hello' })),
  passed('HTTP/1.0 with a length of nothing', head('POST /a HTTP/1.0'), seen(['POST /a HTTP/1.1'])),
  refused('HTTP/1.0 with an empty Host', 400, old('Host:')),
  several('HTTP/1.0 closes by itself', old() + old(), [plain]),
  several('HTTP/1.0 keep-alive', old('Connection: keep-alive') + old(), [plain, plain]),
  several('HTTP/1.0 keep-alive in other letters', old('Connection: Keep-Alive') + old(), [plain, plain]),
  several('HTTP/1.0 with keep-alive and close closes', old('Connection: keep-alive, close') + old(), [plain]),
  several('HTTP/1.0 by Proxy-Connection closes', old('Proxy-Connection: keep-alive') + old(), [plain]),
  several('HTTP/1.1 behind HTTP/1.0', old('Connection: keep-alive') + get(), [plain, plain]),

  passed(
    'a head of the largest size',
    sized(bounds.head),
    seen(['GET /a HTTP/1.1', `A: ${'x'.repeat(bounds.head - get('A: ').length + 2)}`]),
  ),
  refused('a head of one byte more', 431, sized(bounds.head + 1)),
  refused('a head of many bytes more', 431, sized(bounds.head * 5)),
  refused('a head that does not end', 431, sized(bounds.head * 5).slice(0, -4)),
  passed('a request line of nearly the largest size', sizedLine(900), seen([sizedLine(900).split('\r\n')[0]!])),
  refused('a request line of more than the largest size', 414, sizedLine(bounds.head + 1)),
  refused('a request line that does not end', 414, `GET /${'x'.repeat(bounds.head * 5)}`),
  refused('a request line that fills the head', 431, sizedLine(bounds.head - 2)),
  refused('a method that does not end', 414, 'M'.repeat(bounds.head + 2)),
  passed('as many fields as may be', get(...counted(bounds.fields)), seen(['GET /a HTTP/1.1', ...counted(bounds.fields)])),
  refused('one field more', 431, get(...counted(bounds.fields + 1))),
  several('an empty line, then a head of the largest size', `\r\n${sized(bounds.head)}${get()}`, [
    seen(['GET /a HTTP/1.1', `A: ${'x'.repeat(bounds.head - get('A: ').length + 2)}`]),
    plain,
  ]),
]
