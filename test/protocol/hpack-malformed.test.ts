import t from 'tap'
import { FieldFlag, FieldLines, malformedField } from '../../src/protocol/hpack/field-lines.ts'
import { decodeInto, decoded, decoder, fieldsOf, tableOf } from './hpack.ts'

const bad: Record<string, readonly [block: string, problem: string]> = {
  'index 0': ['80', 'index of no table entry'],
  'an index one behind the static table, with nothing in the dynamic one': ['be', 'index of no table entry'],
  'an index behind the dynamic table': ['4001 6101 62 bf', 'index of no table entry'],
  'a name by an index of no entry': ['7e01 61', 'index of no table entry'],
  'a name by an index of no entry, not indexed': ['0f2f 0161', 'index of no table entry'],
  'an index that never ends': ['ff80 8080 8080 8080 8080 01', 'integer too large'],
  'an index of 2^32': ['ffff ffff ff7f', 'integer too large'],
  'an index that the block cuts': ['ff80', 'block ends within an integer'],
  'a length of 2^31': ['007f ffff ffff 7f61', 'integer too large'],
  'a length that the block cuts': ['007f', 'block ends within an integer'],
  'a name longer than the block': ['0005 6162', 'string literal longer than its block'],
  'a value longer than the block': ['0001 6105 62', 'string literal longer than its block'],
  'a literal without a name': ['00', 'block ends within a field'],
  'a literal without a value': ['0001 61', 'block ends within a field'],
  'EOS in a Huffman string': ['0001 6184 ffff ffff', 'malformed Huffman string'],
  'a letter behind EOS in a Huffman string': ['0001 6185 ffff fffc 7f', 'malformed Huffman string'],
  'padding of eight bits': ['0001 6182 1fff', 'malformed Huffman string'],
  'padding that is not ones': ['0001 6181 18', 'malformed Huffman string'],
  'padding that is zeros': ['0001 6181 00', 'malformed Huffman string'],
  'a Huffman name with bad padding': ['0081 1801 61', 'malformed Huffman string'],
  'a table size above what was agreed': ['3fe2 1f', 'table size update above what was agreed'],
  'a table size far above what was agreed': ['3fe1 ffff 7f', 'table size update above what was agreed'],
  'a table size behind a field': ['8220', 'table size update behind a field'],
  'a table size between fields': ['8220 84', 'table size update behind a field'],
}

for (const [name, [block, problem]] of Object.entries(bad))
  t.test(`a block with ${name} ends the session`, async (t) => t.equal(decoded(decoder(), block), problem))

t.test('a block may be empty, and may end anywhere but within a field', async (t) => {
  const whole = Buffer.from(
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff58 86a8 eb10 649c bf40 0a63 7573 746f 6d2d 6b65 7900'.replaceAll(' ', ''),
    'hex',
  )
  const ends = new Set([0, 1, 2, 3, 17, 25, whole.length])

  for (let end = 0; end <= whole.length; end++)
    t.equal(typeof decoded(decoder(), whole.subarray(0, end)) === 'object', ends.has(end), `${end}`)
})

t.test('Huffman padding of up to seven ones is padding', async (t) => {
  t.same(decoded(decoder(), '0001 6181 1f'), [['a', 'a']])
  t.same(decoded(decoder(), '0001 6180'), [['a', '']])
})

t.test('the table is made smaller and larger within what was agreed, as often as a block begins with it', async (t) => {
  const hpack = decoder()
  decoded(hpack, '4001 6101 31 4001 6201 32')

  t.same(decoded(hpack, '3f03 be'), [['b', '2']])
  t.same(tableOf(hpack), [['b', '2']])
  t.same(decoded(hpack, '20 3fe1 1f'), [])
  t.same(tableOf(hpack), [])
  t.same(decoded(hpack, '4001 6301 33'), [['c', '3']])
  t.same(tableOf(hpack), [['c', '3']])
})

t.test('an entry larger than the table empties it and is a field all the same', async (t) => {
  const hpack = decoder({ tableSize: 64 })
  decoded(hpack, '4001 6101 31')

  const fields = decoded(hpack, Buffer.concat([Buffer.from('40016221', 'hex'), Buffer.alloc(33, 120)]))

  t.same(fields, [['b', 'x'.repeat(33)]])
  t.same(tableOf(hpack), [])
})

t.test('a name is taken from the entry that its own field drives out', async (t) => {
  const hpack = decoder({ tableSize: 64 })
  decoded(hpack, '4003 616263 01 31')

  t.same(decoded(hpack, Buffer.concat([Buffer.from('7e1a', 'hex'), Buffer.alloc(26, 120)])), [['abc', 'x'.repeat(26)]])
  t.same(tableOf(hpack), [['abc', 'x'.repeat(26)]])
})

t.test('a list that is larger than agreed is read to its end, and the table is right behind it', async (t) => {
  const hpack = decoder({ listSize: 100 })
  const lines = new FieldLines()
  const large = Buffer.concat([Buffer.from('400161 3c'.replace(' ', ''), 'hex'), Buffer.alloc(60, 120)])

  const problem = decodeInto(hpack, Buffer.concat([large, Buffer.from('4001 6201 32 4001 6301 33 82'.replaceAll(' ', ''), 'hex')]), lines)

  t.equal(problem, null)
  t.ok(lines.isTooLarge)
  t.same(fieldsOf(lines), [['a', 'x'.repeat(60)]])
  t.equal(decodeInto(hpack, 'be bf', lines), null)
  t.notOk(lines.isTooLarge)
  t.same(fieldsOf(lines), [
    ['c', '3'],
    ['b', '2'],
  ])
})

t.test('a list is too large by one byte, and by one field', async (t) => {
  const lines = new FieldLines()
  const block = '0001 6101 62 0001 6101 62'

  t.equal(decodeInto(decoder({ listSize: 68 }), block, lines), null)
  t.notOk(lines.isTooLarge)
  decodeInto(decoder({ listSize: 67 }), block, lines)
  t.ok(lines.isTooLarge)
  decodeInto(decoder({ fields: 2 }), block, lines)
  t.notOk(lines.isTooLarge)
  decodeInto(decoder({ fields: 1 }), block, lines)
  t.ok(lines.isTooLarge)
})

t.test('a bomb of indices of a large entry grows nothing', async (t) => {
  const hpack = decoder({ listSize: 32_768, fields: 100_000 })
  const lines = new FieldLines()
  decodeInto(hpack, Buffer.concat([Buffer.from('400161 7fc11e'.replace(' ', ''), 'hex'), Buffer.alloc(4032, 120)]), lines)
  t.equal(lines.count, 1)

  t.equal(decodeInto(hpack, Buffer.alloc(60_000, 0xbe), lines), null)

  t.ok(lines.isTooLarge)
  t.equal(lines.count, 8)
  t.ok(lines.bytes.length <= 2 * 32_768)
})

const flags: Record<string, readonly [block: string, flags: number]> = {
  'a good field': ['0003 782d 79 01 61', 0],
  'a good pseudo-header field': ['0003 3a61 62 01 61', FieldFlag.pseudo],
  'a name with an upper-case letter': ['0003 782d 59 01 61', FieldFlag.upperCase],
  'an empty name': ['0000 01 61', FieldFlag.badName],
  'a lone colon': ['0001 3a 01 61', FieldFlag.badName | FieldFlag.pseudo],
  'a name with a colon behind its first byte': ['0003 613a 62 01 61', FieldFlag.badName],
  'a name with two colons': ['0003 3a3a 62 01 61', FieldFlag.badName | FieldFlag.pseudo],
  'a name with a space': ['0003 6120 62 01 61', FieldFlag.badName],
  'a name with CR': ['0002 610d 01 61', FieldFlag.badName],
  'a name with LF': ['0002 610a 01 61', FieldFlag.badName],
  'a name with NUL': ['0002 6100 01 61', FieldFlag.badName],
  'a name with a byte above ASCII': ['0002 61e9 01 61', FieldFlag.badName],
  'a name with DEL': ['0002 617f 01 61', FieldFlag.badName],
  'a value with CR': ['0001 61 03 610d 62', FieldFlag.badValue],
  'a value with LF': ['0001 61 03 610a 62', FieldFlag.badValue],
  'a value with NUL': ['0001 61 03 6100 62', FieldFlag.badValue],
  'a value with DEL': ['0001 61 03 617f 62', FieldFlag.badValue],
  'a value with a space in it': ['0001 61 03 6120 62', 0],
  'a value with a tab in it': ['0001 61 03 6109 62', 0],
  'a value with a byte above ASCII': ['0001 61 01 e9', 0],
  'a value with a space in front': ['0001 61 02 2062', FieldFlag.badValue],
  'a value with a space behind': ['0001 61 02 6220', FieldFlag.badValue],
  'a value with a tab behind': ['0001 61 02 6209', FieldFlag.badValue],
  'a value of one space': ['0001 61 01 20', FieldFlag.badValue],
  'an empty value': ['0001 61 00', 0],
  'a field that nobody may index': ['1001 61 01 62', FieldFlag.neverIndexed],
  'a field by an index of the static table': ['82', FieldFlag.pseudo],
  'a name of the static table with a bad value': ['0401 0a', FieldFlag.pseudo | FieldFlag.badValue],
}

for (const [name, [block, wanted]] of Object.entries(flags)) {
  t.test(`${name} is known for what it is`, async (t) => {
    const lines = new FieldLines()

    t.equal(decodeInto(decoder(), block, lines), null)

    t.equal(lines.flagsOf(0), wanted)
    t.equal(lines.flags, wanted)
  })
}

t.test('what is wrong with a field is known of it when it comes out of the table again', async (t) => {
  const hpack = decoder()
  const lines = new FieldLines()
  decodeInto(hpack, '4001 4103 610d 62', lines)

  decodeInto(hpack, '82 be', lines)

  t.equal(lines.flagsOf(0), FieldFlag.pseudo)
  t.equal(lines.flagsOf(1), FieldFlag.upperCase | FieldFlag.badValue)
  t.ok((lines.flags & malformedField) !== 0)
  decodeInto(hpack, '82', lines)
  t.equal(lines.flags, FieldFlag.pseudo)
})
