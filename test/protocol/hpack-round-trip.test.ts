import t from 'tap'
import { HpackEncoder } from '../../src/protocol/hpack/encoder.ts'
import { FieldFlag, FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { huffmanDecode } from '../../src/protocol/hpack/huffman.ts'
import { staticFields } from '../../src/protocol/hpack/static-table.ts'
import { chanceOf } from '../conformance/mutate.ts'
import { decodeInto, decoded, decoder, encoded, fieldsOf, tableOf, type Field } from './hpack.ts'
import { huffmanEncode, huffmanLength } from './huffman-encode.ts'

t.test('a line that comes again is entered, and then is one byte', async (t) => {
  const encoder = new HpackEncoder()
  const hpack = decoder()
  const line: Field = ['anthropic-version', '2023-06-01']

  t.same(decoded(hpack, encoded(encoder, [line])), [line])
  t.same(tableOf(hpack), [])
  t.same(decoded(hpack, encoded(encoder, [line])), [line])
  t.same(tableOf(hpack), [line])
  t.equal(encoded(encoder, [line]).toString('hex'), 'be')
})

t.test('names come out in lower case, values as they are', async (t) => {
  t.same(
    decoded(
      decoder(),
      encoded(new HpackEncoder(), [
        ['X-One_Two', 'AbC'],
        ['Content-Type', 'Text/Plain'],
      ]),
    ),
    [
      ['x-one_two', 'AbC'],
      ['content-type', 'Text/Plain'],
    ],
  )
})

t.test('every field of the static table is found by its name and value, in any letters', async (t) => {
  const encoder = new HpackEncoder()
  for (const [k, [name, value]] of staticFields.entries()) {
    if (value !== '') t.equal(encoded(encoder, [[name.toUpperCase(), value]]).toString('hex'), (0x81 + k).toString(16), name)
    t.same(decoded(decoder(), encoded(new HpackEncoder(), [[name.toUpperCase(), 'xyz']])), [[name, 'xyz']])
  }
})

t.test('a status is one byte or five', async (t) => {
  const encoder = new HpackEncoder()
  const out = Buffer.alloc(16)
  for (const code of [100, 103, 199, 200, 201, 204, 206, 304, 400, 404, 418, 429, 500, 503, 599, 999]) {
    encoder.begin(out, 0)
    encoder.status(code)

    t.ok(encoder.at === 1 || encoder.at === 5)
    t.same(decoded(decoder(), out.subarray(0, encoder.at)), [[':status', `${code}`]])
  }
})

t.test('credentials and what is told to be secret are never indexed, nor entered', async (t) => {
  const encoder = new HpackEncoder()
  const hpack = decoder()
  const lines = new FieldLines()
  const fields: Field[] = ['Authorization', 'X-API-Key', 'Proxy-Authorization', 'Cookie', 'Set-Cookie'].map((name) => [name, 'abc'])
  for (let k = 0; k < 4; k++) {
    decodeInto(hpack, encoded(encoder, fields), lines)
    for (let field = 0; field < fields.length; field++) t.equal(lines.flagsOf(field), FieldFlag.neverIndexed)
    decodeInto(
      hpack,
      encoded(
        encoder,
        [
          ['x-own', 'abc'],
          ['accept', 'x'],
          [':method', 'GET'],
        ],
        true,
      ),
      lines,
    )
    t.equal(lines.flagsOf(0), FieldFlag.neverIndexed)
    t.equal(lines.flagsOf(1), FieldFlag.neverIndexed)
    t.equal(lines.flagsOf(2), FieldFlag.neverIndexed | FieldFlag.pseudo)
  }

  t.same(tableOf(hpack), [])
})

t.test('lines go in as they stand in a head', async (t) => {
  const encoder = new HpackEncoder()
  const out = Buffer.alloc(256)
  const bytes = Buffer.from('xxGrpc-Status: 0\r\ngrpc-message:\r\nA: \t b:c \t\r\nyy')
  encoder.begin(out, 3)

  encoder.lines(bytes, 2, bytes.length - 2)

  t.same(decoded(decoder(), out.subarray(3, encoder.at)), [
    ['grpc-status', '0'],
    ['grpc-message', ''],
    ['a', 'b:c'],
  ])
})

t.test('the peer is told of each change of its own bound, and of the smallest between two blocks', async (t) => {
  const encoder = new HpackEncoder()
  const hpack = decoder()
  const repeat = (): unknown => decoded(hpack, encoded(encoder, [['a', '1']]))
  for (let k = 0; k < 3; k++) repeat()
  t.equal(tableOf(hpack).length, 1)

  encoder.limitTable(65_536)
  t.equal(encoded(encoder, [['a', '1']]).toString('hex'), 'be')
  encoder.limitTable(0)
  encoder.limitTable(64)
  const block = encoded(encoder, [['a', '1']])

  t.equal(block.toString('hex', 0, 3), '203f21')
  t.same(decoded(hpack, block), [['a', '1']])
  for (let k = 0; k < 3; k++) repeat()
  encoder.limitTable(0)
  t.equal(encoded(encoder, [['a', '1']]).toString('hex'), '200001610131')
  t.equal(encoded(encoder, [['a', '1']]).toString('hex'), '0001610131')
})

t.test('20,000 random fields come out as they went in, whatever the table holds', async (t) => {
  const chance = chanceOf(7541)
  const encoder = new HpackEncoder()
  const hpack = decoder()
  const text = (most: number): string => String.fromCharCode(...Array.from({ length: chance.below(most) }, () => 33 + chance.below(94)))
  const names = [...staticFields.map(([name]) => name), ...Array.from({ length: 40 }, () => `x-${text(20).toLowerCase()}`)]
  const values = ['', 'GET', '/', 'https', '200', 'gzip, deflate', ...Array.from({ length: 40 }, () => text(60)), 'v'.repeat(3000)]
  for (let k = 0; k < 1000; k++) {
    if (chance.below(20) === 0) encoder.limitTable([0, 100, 256, 1000, 4096, 65_536][chance.below(6)]!)
    const fields = Array.from({ length: 20 }, (): Field => [
      names[chance.below(names.length)]!,
      chance.below(4) === 0 ? text(200) : values[chance.below(values.length)]!,
    ])

    const found = decoded(hpack, encoded(encoder, fields))

    if (JSON.stringify(found) !== JSON.stringify(fields)) t.same(found, fields)
  }
  t.pass('all of them')
})

t.test('random bytes never do more than fail, and never grow the lines beyond the bound', async (t) => {
  const chance = chanceOf(9113)
  const lines = new FieldLines()
  let good = 0
  for (let k = 0; k < 4000; k++) {
    const hpack = decoder({ listSize: 4096, fields: 50 })
    const bytes = Buffer.from(
      Array.from({ length: chance.below(60) }, () => (chance.below(3) === 0 ? 0x80 | chance.below(70) : chance.below(256))),
    )
    for (let block = 0; block < 3; block++) {
      if (decodeInto(hpack, bytes, lines) !== null) break
      fieldsOf(lines)
      good++
    }
    if (lines.count > 50 || lines.bytes.length > 16_384) t.fail(`${lines.count} fields in ${lines.bytes.length} bytes`)
  }
  t.ok(good > 100)
})

t.test('random strings are coded and decoded, and their length is known before', async (t) => {
  const chance = chanceOf(2)
  const out = Buffer.alloc(2000)
  const back = Buffer.alloc(2000)
  for (let k = 0; k < 3000; k++) {
    const bytes = Buffer.from(
      Array.from({ length: chance.below(100) }, () => (chance.below(2) === 0 ? chance.below(256) : 32 + chance.below(90))),
    )
    const end = huffmanEncode(bytes, 0, bytes.length, out, 3)
    if (end !== 3 + huffmanLength(bytes, 0, bytes.length)) t.fail(bytes.toString('hex'))
    if (!back.subarray(5, huffmanDecode(out, 3, end, back, 5)).equals(bytes)) t.fail(bytes.toString('hex'))
  }
  t.pass('all of them')
})
