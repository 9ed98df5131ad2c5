import { get, head, hex, passed, refused, seen, type RequestCase } from './case.ts'

const bytes = [...Array.from({ length: 32 }, (_, byte) => byte), 127]
const inName = bytes.map((byte) => refused(`${hex(byte)} in a field name`, 400, get(`A${String.fromCharCode(byte)}B: c`)))
const inValue = bytes
  .filter((byte) => byte !== 9)
  .map((byte) => refused(`${hex(byte)} in a field value`, 400, get(`A: b${String.fromCharCode(byte)}c`)))
const notTokens = ['"', '(', ')', ',', '/', ';', '<', '=', '>', '?', '@', '[', '\\', ']', '{', '}', '\x80', '\xff']
const passes = (name: string, line: string): RequestCase => passed(name, get(line), seen(['GET /a HTTP/1.1', line]))

/** How field lines are written. */
export const requestFields: readonly RequestCase[] = [
  ...inName,
  ...inValue,
  ...notTokens.map((character) => refused(`${JSON.stringify(character)} in a field name`, 400, get(`A${character}B: c`))),
  passes('an empty value', 'A:'),
  passes('a value of white space', 'A: \t '),
  passes('no space behind the colon', 'A:b'),
  passes('a tab behind the colon', 'A:\tb'),
  passes('white space around and within a value', 'A: \t b \t c \t '),
  passes('colons in a value', 'A: b:c: d'),
  passes('obs-text in a value', 'A: caf\xc3\xa9 \x80\xff'),
  passes('every kind of token byte in a name', "A!#$%&'*+-.^_`|~9: b"),
  passes('a name of one digit', '1: b'),
  passes('quotes and brackets in a value', 'A: "b\\"c" (d) {e} <f> [g] @ ;'),
  passed(
    'a field three times stays three lines, in order',
    get('A: 1', 'B: 2', 'a: 3', 'A: 1'),
    seen(['GET /a HTTP/1.1', 'A: 1', 'B: 2', 'a: 3', 'A: 1']),
  ),
  passed(
    'fields around those that are dropped keep their order',
    head('GET /a HTTP/1.1', 'A: 1', 'Host: h', 'TE: trailers', 'B: 2', 'Keep-Alive: 5', 'C: 3'),
    seen(['GET /a HTTP/1.1', 'A: 1', 'B: 2', 'C: 3']),
  ),
  refused('a folded line', 400, get('A: b', ' c')),
  refused('a line folded with a tab', 400, get('A: b', '\tc')),
  refused('a folded line before the first field', 400, head('GET /a HTTP/1.1', ' A: b', 'Host: h')),
  refused('a folded line behind Host', 400, head('GET /a HTTP/1.1', 'Host: h', ' x')),
  refused('a line of white space', 400, get('A: b', ' ', 'C: d')),
  refused('a space before the colon', 400, get('A : b')),
  refused('a tab before the colon', 400, get('A\t: b')),
  refused('a line without a colon', 400, get('A')),
  refused('a line that begins with a colon', 400, get(': b')),
  refused('a line with two words before the colon', 400, get('A B: c')),
  refused('a bare CR behind a value', 400, get('A: b\rC: d')),
  refused('a bare LF behind a value', 400, get('A: b\nC: d')),
  refused('a bare LF behind the request line', 400, 'GET /a HTTP/1.1\nHost: h\r\n\r\n'),
  refused('a bare LF as the empty line', 400, 'GET /a HTTP/1.1\r\nHost: h\r\n\nA: b\r\n\r\n'),
  refused('bare LFs everywhere', 400, 'GET /a HTTP/1.1\nHost: h\n\n'),
  refused('a bare CR behind the request line', 400, 'GET /a HTTP/1.1\rHost: h\r\n\r\n'),
  refused('CR CR LF behind a value', 400, get('A: b\r')),
  refused('CR LF CR behind a value', 400, get('A: b', '\rC: d')),
  refused('a bare CR as the value', 400, get('A:\r')),
  refused('a request line as a field', 400, get('GET /b HTTP/1.1')),
]
