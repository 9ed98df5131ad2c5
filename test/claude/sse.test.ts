import t from 'tap'
import { sseKinds, SseScanner } from '../../src/protocol/sse.ts'
import { everyCut } from './helpers.ts'

const names = ['message_start', 'message_delta', 'error']
const kinds = sseKinds(names)

interface Seen {
  readonly events: readonly string[]
  readonly skipped: readonly string[]
  readonly isBetween: boolean
}

function scan(pieces: readonly Buffer[], maxData?: number): Seen {
  const events: string[] = []
  const skipped: string[] = []
  const scanner = new SseScanner({
    kinds,
    ...(maxData === undefined ? {} : { maxData }),
    onEvent: (kind, bytes, start, end) => void events.push(`${names[kind]}=${bytes.toString('utf8', start, end)}`),
    onSkipped: (kind) => void skipped.push(String(names[kind])),
  })
  for (const piece of pieces) {
    // What is read must not be looked at later: the caller may use the memory again.
    const own = Buffer.from(piece)
    scanner.read(own)
    own.fill(0x21)
  }
  return { events, skipped, isBetween: scanner.isBetweenEvents }
}

const texts: readonly (readonly [string, string, readonly string[]])[] = [
  ['one event', 'event: message_start\ndata: {"a":"世界👋🏽é"}\n\n', ['message_start={"a":"世界👋🏽é"}']],
  [
    'events between unwanted ones',
    'event: ping\ndata: 1\n\nevent: error\ndata: 2\n\nevent: ping\ndata: 3\n\nevent: message_delta\ndata: 4\n\n',
    ['error=2', 'message_delta=4'],
  ],
  ['no space behind the colon, or two', 'event:error\ndata:1\n\nevent:error\ndata:  2\n\n', ['error=1', 'error= 2']],
  ['comments, retry and id', ': hello\n\nretry: 1\n\n: event: error\nid: 7\nevent: error\n:\ndata: 1\nretry\n\n', ['error=1']],
  ['several data lines', 'event: error\ndata: {"a":\ndata:  "é"}\ndata\n\n', ['error={"a":\n "é"}\n']],
  ['data before the name', 'data: ü\nevent: error\n\n', ['error=ü']],
  ['of two names the last counts', 'event: ping\nevent: error\ndata: 1\n\nevent: error\nevent: ping\ndata: 2\n\n', ['error=1']],
  ['an event without data', 'event: error\n\n', ['error=']],
  [
    'names that are only nearly wanted',
    'event: errors\ndata: 1\n\nevent: erro\ndata: 2\n\nevent: Error\ndata: 3\n\nevents: error\ndata: 4\n\nevent\ndata: 5\n\ndatas: 6\nevent: error\n\n',
    ['error='],
  ],
  ['an event that never ends', 'event: error\ndata: 1\n', []],
  ['a byte order mark', '\ufeffevent: error\ndata: \ufeff1\n\n', ['error=\ufeff1']],
  ['padded JSON', 'event: error\ndata:  {"a": 1}   \n\n', ['error= {"a": 1}   ']],
  ['many blank lines', '\n\n\nevent: error\ndata: 1\n\n\n\nevent: error\ndata: 2\n\n\n', ['error=1', 'error=2']],
]

for (const [name, text, expected] of texts) {
  for (const [ending, bytes] of [
    ['LF', Buffer.from(text)],
    ['CRLF', Buffer.from(text.replaceAll('\n', '\r\n'))],
    ['CR', Buffer.from(text.replaceAll('\n', '\r'))],
  ] as const) {
    t.test(`the scanner reads ${name}, with ${ending}, wherever it is cut`, async (t) => {
      const wrong = [...everyCut(bytes)].filter((pieces) => JSON.stringify(scan(pieces).events) !== JSON.stringify(expected))

      t.strictSame(scan([bytes]).events, expected)
      t.strictSame(wrong, [])
    })
  }
}

t.test('one may write between events only where none is open', async (t) => {
  const text = 'event: ping\ndata: {"é":1}\n\n: comment\n\nevent: error\ndata: 1\n\n'

  const between = [...Buffer.from(text)].map((_, at) => scan([Buffer.from(text).subarray(0, at)]).isBetween)

  const open = between.map((is) => (is ? '-' : '#')).join('')
  t.equal(open.slice(0, 28), `-${'#'.repeat(27)}`, 'the first event is open from its first byte to its blank line')
  t.equal(open.slice(28, 40), '-#########--', 'a comment is open to the end of its line')
  t.equal(open.slice(40), '#'.repeat(21), 'and so is the last event')
  t.ok(scan([Buffer.from(text)]).isBetween)
})

t.test('with CRLF an event is over at the CR of its blank line, and open before', async (t) => {
  t.notOk(scan([Buffer.from('event: ping\r\ndata: 1\r\n')]).isBetween)
  t.notOk(scan([Buffer.from('event: ping\r\ndata: 1\r')]).isBetween)
  t.ok(scan([Buffer.from('event: ping\r\ndata: 1\r\n\r')]).isBetween)
  t.ok(scan([Buffer.from('event: ping\r\ndata: 1\r\n\r'), Buffer.from('\n')]).isBetween)
  t.notOk(scan([Buffer.from('event: ping\r\ndata: 1\r\n\r'), Buffer.from('\nd')]).isBetween)
})

t.test('an event longer than the bound is skipped, wherever it is cut, and the next one is read', async (t) => {
  const long = ['event: error\ndata: 123456789\n\n', 'event: error\ndata: 12345\ndata: 678\n\n', 'data: 123456789\nevent: error\n\n']
  const bytes = long.map((text) => Buffer.from(`${text}event: message_delta\ndata: 12345678\n\n`))

  const seen = bytes.flatMap((each) => [...everyCut(each)].map((pieces) => scan(pieces, 8)))

  t.same(
    [...new Set(seen.map((each) => JSON.stringify(each)))],
    [JSON.stringify({ events: ['message_delta=12345678'], skipped: ['error'], isBetween: true })],
  )
})

t.test('of an event with two names, what the first one made unwanted is not read as the second', async (t) => {
  const texts = ['event: ping\ndata: 1\nevent: error\n\n', `event: error\nevent: ${'x'.repeat(40)}\ndata: 1\n\n`]

  const seen = texts.map((text) => [...new Set([...everyCut(Buffer.from(text))].map((pieces) => JSON.stringify(scan(pieces, 8))))])

  t.strictSame(seen, [['{"events":[],"skipped":["error"],"isBetween":true}'], ['{"events":[],"skipped":[],"isBetween":true}']])
})

t.test('lines without an end take no memory', async (t) => {
  const scanner = new SseScanner({ kinds, maxData: 1_000, onEvent: () => t.fail('nothing ends here') })
  const piece = Buffer.alloc(65_536, 'x')
  const before = process.memoryUsage.rss()

  for (const start of ['event: error\ndata: ', '\nevent: ', '\n: ', '\ndata: ']) {
    scanner.read(Buffer.from(start))
    for (let count = 0; count < 1_000; count++) scanner.read(piece)
  }

  t.notOk(scanner.isBetweenEvents)
  t.ok(process.memoryUsage.rss() - before < 40_000_000, 'of 262 MB')
})

t.test('an event inside one chunk is handed on in place, not as a copy', async (t) => {
  const chunk = Buffer.from('event: ping\ndata: 1\n\nevent: error\ndata: 22\n\n')
  const seen: [Buffer, number, number][] = []

  new SseScanner({ kinds, onEvent: (_, bytes, start, end) => void seen.push([bytes, start, end]) }).read(chunk)

  t.equal(seen[0]?.[0], chunk)
  t.strictSame(seen[0]?.slice(1), [40, 42])
})
