import t from 'tap'
import { JsonFields, jsonNames } from '../../src/protocol/json-fields.ts'
import { everyCut } from './helpers.ts'

function fields(
  pieces: readonly Buffer[],
  maxValue?: number,
): { readonly isComplete: boolean; readonly usage: unknown; readonly model: unknown } {
  const json = new JsonFields({ names: jsonNames('usage', 'model'), ...(maxValue === undefined ? {} : { maxValue }) })
  for (const piece of pieces) {
    const own = Buffer.from(piece)
    json.read(own)
    own.fill(0x21)
  }
  return { isComplete: json.isComplete, usage: json.value('usage'), model: json.value('model') }
}

const texts: readonly (readonly [string, string, unknown, unknown])[] = [
  ['plain', '{"model":"m","usage":{"a":1}}', { a: 1 }, 'm'],
  ['with white space', ' \r\n{ "usage" : { "a" : [ 1 , { "b" : 2 } ] } ,\t"model" : "m" } \n ', { a: [1, { b: 2 }] }, 'm'],
  ['with fields of that name further down', '{"content":[{"usage":{"a":9},"model":"no"}],"x":{"usage":8},"usage":1,"model":"m"}', 1, 'm'],
  ['with fields of that name in texts', '{"text":"\\"usage\\":{\\"a\\":9},","t2":"}],\\\\","usage":1,"model":"m\\"}"}', 1, 'm"}'],
  ['with escaped keys', '{"us\\u0061ge":1,"mod\\u0065l":"m"}', 1, 'm'],
  ['with doubled fields', '{"usage":1,"model":"a","usage":2,"model":"m"}', 2, 'm'],
  ['with words and numbers', '{"usage":null,"x":-1.5e3,"model":true}', null, true],
  ['with many bytes a letter', '{"é世界":"👋🏽\\ud83d","model":"世\\u754c👋🏽","usage":"é"}', 'é', '世界👋🏽'],
  ['with values that are field names', '{"a":"usage","b":["model","usage",{"usage":0}],"model":"usage","usage":"model"}', 'model', 'usage'],
  ['without the fields', '{"a":{"usage":1}}', undefined, undefined],
  ['empty', '{}', undefined, undefined],
]

for (const [name, text, usage, model] of texts) {
  t.test(`JSON ${name} is read, wherever it is cut`, async (t) => {
    const seen = [...everyCut(Buffer.from(text))].map((pieces) => fields(pieces))

    t.strictSame(fields([Buffer.from(text)]), { isComplete: true, usage, model })
    t.equal(new Set(seen.map((each) => JSON.stringify(each))).size, 1)
  })
}

t.test('a text that is cut off is not complete at any place', async (t) => {
  const bytes = Buffer.from('{"model":"}","usage":{"a":"\\\\"}}')

  const complete = [...bytes].map((_, at) => fields([bytes.subarray(0, at)]).isComplete)

  t.notOk(complete.includes(true))
})

t.test('what is not one JSON object is not complete', async (t) => {
  for (const text of ['', '[{"usage":1}]', '"usage"', '1', '{}{}', '{}x', '}', 'x{"usage":1}', 'event: ping\n'])
    t.notOk(fields([Buffer.from(text)]).isComplete, text)
})

t.test('a value longer than the bound is not captured, and what follows it is', async (t) => {
  const bytes = Buffer.from('{"usage":"123456789","model":"m"}')

  const seen = [...everyCut(bytes)].map((pieces) => JSON.stringify(fields(pieces, 10)))

  t.strictSame([...new Set(seen)], ['{"isComplete":true,"model":"m"}'])
})

t.test('a text of 100 MB takes the memory of its fields only', async (t) => {
  const json = new JsonFields({ names: jsonNames('usage') })
  const piece = Buffer.alloc(1_048_576, 'usage\\"')
  const before = process.memoryUsage.rss()

  json.read(Buffer.from('{"content":[{"text":"'))
  for (let count = 0; count < 100; count++) json.read(piece.subarray(0, piece.length - (piece.length % 7)))
  json.read(Buffer.from('"}],"usage":{"a":1}}'))

  t.strictSame(json.value('usage'), { a: 1 })
  t.ok(json.isComplete)
  t.ok(process.memoryUsage.rss() - before < 30_000_000)
})
