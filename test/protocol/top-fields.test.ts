import t from 'tap'
import { TopFields } from '../../src/protocol/top-fields.ts'
import { TopNames } from '../../src/protocol/top-names.ts'
import { everyCut } from '../claude/helpers.ts'

const names = new TopNames('model', 'max_tokens', 'stream')

interface Seen {
  readonly model: string | null
  readonly maxTokens: string | null
  readonly doubled: string | null
  readonly isComplete: boolean
}

const fields = new TopFields(names)

function read(pieces: readonly Buffer[]): Seen {
  fields.reset()
  for (const piece of pieces) {
    const own = Buffer.from(piece)
    fields.read(own)
    own.fill(0x21)
  }
  return { model: fields.raw(0), maxTokens: fields.raw(1), doubled: fields.doubled, isComplete: fields.isComplete }
}

const nothing = { model: null, maxTokens: null, doubled: null, isComplete: false }
const both = { model: '"m"', maxTokens: '12', doubled: null, isComplete: true }

const texts: readonly (readonly [string, string, Seen])[] = [
  ['plain', '{"model":"m","max_tokens":12}', both],
  ['with white space everywhere', ' \r\n\t{ "model" : "m" ,\n"max_tokens"\t:\r12 } \n', both],
  ['with values of all kinds', '{"a":-1.5e3,"b":true,"c":null,"d":[],"e":{},"f":"","model":"m","max_tokens":12}', both],
  [
    'with fields of these names further down',
    '{"x":{"model":1,"model":2},"y":[{"model":"n","model":0}],"model":"m","max_tokens":12}',
    both,
  ],
  [
    'with fields of these names in texts',
    '{"x":"\\",\\"model\\":\\"n\\",","y":["\\\\"],"z":"\\\\\\"model","model":"m","max_tokens":12}',
    both,
  ],
  ['with escaped keys', '{"m\\u006fd\\u0065l":"m","\\u006d\\u0061\\u0078\\u005F\\u0074\\u006f\\u006b\\u0065\\u006e\\u0073":12}', both],
  ['with long texts', `{"x":"${'ab\\"'.repeat(40)}","model":"m","y":{"z":"${'cd\\\\'.repeat(40)}"},"max_tokens":12}`, both],
  ['with a model that is no text', '{"model":{"a":1},"max_tokens":[12]}', { ...both, model: null, maxTokens: null }],
  ['with a model in another case', '{"Model":"m","max_tokens":12}', { ...both, model: null }],
  ['with a doubled field', '{"model":"m","max_tokens":12,"model":"n"}', { ...both, doubled: 'model', isComplete: false }],
  ['with a double that is escaped', '{"model":"m","max_tokens":12,"\\u006dodel":"n"}', { ...both, doubled: 'model', isComplete: false }],
  ['with a double in another case', '{"model":"m","max_tokens":12,"MODEL":"n"}', { ...both, doubled: 'model', isComplete: false }],
  ['with a doubled word', '{"stream":true,"x":"stream","stream":false}', { ...nothing, doubled: 'stream' }],
  ['with doubles of other names', '{"x":1,"x":2,"model":"m","max_tokens":12}', both],
  ['that is empty', '{}', { ...nothing, isComplete: true }],
  ['that is cut off', '{"model":"m","max_tokens":12', { ...nothing, model: '"m"' }],
  ['with something behind it', '{"model":"m","max_tokens":12}{', { ...both, isComplete: false }],
]

for (const [name, text, expected] of texts) {
  t.test(`an object ${name} is read, wherever it is cut`, async (t) => {
    const seen = [...everyCut(Buffer.from(text))].map(read)

    t.strictSame(read([Buffer.from(text)]), expected)
    t.strictSame(read([...Buffer.from(text)].map((byte) => Buffer.from([byte]))), expected)
    t.equal(new Set(seen.map((one) => JSON.stringify(one))).size, 1)
  })
}

t.test('what is not an object, or not in the grammar, shows nothing behind the place where that is so', async (t) => {
  const model = '"model":"m"}'
  for (const text of [
    `[{${model}]`,
    '"model"',
    `\ufeff{${model}`,
    `x{${model}`,
    `{,${model}`,
    `{"a" 1,${model}`,
    `{"a":,${model}`,
    `{"a":1 2,${model}`,
    `{"a":"b" "c",${model}`,
    `{'a':1,${model}`,
    `{a:1,${model}`,
    `{"a":1,,${model}`,
    `{"a"::1,${model}`,
    `{/* */${model}`,
    `{"a":1]${model}`,
    `{{${model}`,
    '',
  ])
    t.match(read([Buffer.from(text)]), nothing, text)
  t.match(read([Buffer.from(`{${model}`, 'utf16le')]), nothing)
})

t.test('a key or value that is longer than any of ours is passed over', async (t) => {
  const long = 'm'.repeat(300)

  t.match(read([Buffer.from(`{"${long}":1,"model":"m","max_tokens":12}`)]), both)
  t.match(read([Buffer.from(`{"model":"${long}","max_tokens":12}`)]), { ...both, model: null })
})

t.test('once a field is doubled nothing more is read', async (t) => {
  read([Buffer.from('{"model":"m","model":"n","max_tokens":1}')])

  t.ok(fields.isOver)
  t.equal(fields.raw(1), null)
})
