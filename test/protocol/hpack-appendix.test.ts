import t from 'tap'
import { huffmanDecode } from '../../src/protocol/hpack/huffman.ts'
import { putInteger } from '../../src/protocol/hpack/integer.ts'
import { staticFields } from '../../src/protocol/hpack/static-table.ts'
import { DynamicTable } from '../../src/protocol/hpack/table.ts'
import { decoded, decoder, tableOf, type Field } from './hpack.ts'
import { huffmanEncode, huffmanLength } from './huffman-encode.ts'

t.test('integers stand as in RFC 7541 C.1', async (t) => {
  const written = (prefix: number, value: number): string => {
    const out = Buffer.alloc(8)
    return out.toString('hex', 0, putInteger(out, 0, 0, prefix, value))
  }

  t.equal(written(5, 10), '0a')
  t.equal(written(5, 1337), '1f9a0a')
  t.equal(written(8, 42), '2a')
  t.equal(written(5, 31), '1f00')
  t.equal(written(7, 127 + 128), '7f8001')
})

t.test('single fields are read as in RFC 7541 C.2', async (t) => {
  const hpack = decoder()

  t.same(decoded(hpack, '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), [['custom-key', 'custom-header']])
  t.same(tableOf(hpack), [['custom-key', 'custom-header']])
  t.same(decoded(decoder(), '040c 2f73 616d 706c 652f 7061 7468'), [[':path', '/sample/path']])
  t.same(decoded(decoder(), '1008 7061 7373 776f 7264 0673 6563 7265 74'), [['password', 'secret']])
  t.same(decoded(decoder(), '82'), [[':method', 'GET']])
})

const requests: readonly (readonly Field[])[] = [
  request('http', '/'),
  [...request('http', '/'), ['cache-control', 'no-cache']],
  [...request('https', '/index.html'), ['custom-key', 'custom-value']],
]

const responses: readonly (readonly Field[])[] = [
  [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '307'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
]

interface Story {
  readonly name: string
  readonly isCoded: boolean
  readonly tableSize: number
  readonly fields: readonly (readonly Field[])[]
  readonly blocks: readonly string[]
  /** Size of the table behind each block, and the names of its entries behind the last. */
  readonly sizes: readonly number[]
  readonly table: readonly string[]
}

const stories: readonly Story[] = [
  {
    name: 'C.3: requests without Huffman coding',
    isCoded: false,
    tableSize: 4096,
    fields: requests,
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    sizes: [57, 110, 164],
    table: ['custom-key', 'cache-control', ':authority'],
  },
  {
    name: 'C.4: requests with Huffman coding',
    isCoded: true,
    tableSize: 4096,
    fields: requests,
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    sizes: [57, 110, 164],
    table: ['custom-key', 'cache-control', ':authority'],
  },
  {
    name: 'C.5: replies without Huffman coding, with evictions',
    isCoded: false,
    tableSize: 256,
    fields: responses,
    blocks: [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768
       7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153
       444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ],
    sizes: [222, 222, 215],
    table: ['set-cookie', 'content-encoding', 'date'],
  },
  {
    name: 'C.6: replies with Huffman coding, with evictions',
    isCoded: true,
    tableSize: 256,
    fields: responses,
    blocks: [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8
       e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b
       3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
    sizes: [222, 222, 215],
    table: ['set-cookie', 'content-encoding', 'date'],
  },
]

for (const story of stories) {
  t.test(`${story.name}: read as RFC 7541 says`, async (t) => {
    const hpack = decoder({ tableSize: story.tableSize })

    for (const [k, block] of story.blocks.entries()) {
      t.same(decoded(hpack, hex(block)), story.fields[k])
      t.equal(
        tableOf(hpack).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0),
        story.sizes[k],
      )
    }

    t.same(
      tableOf(hpack).map(([name]) => name),
      story.table,
    )
  })

  t.test(`${story.name}: written as RFC 7541 says`, async (t) => {
    const table = new DynamicTable(story.tableSize)

    for (const [k, fields] of story.fields.entries()) {
      t.equal(
        Buffer.concat(fields.map((field) => representation(table, field, story.isCoded))).toString('hex'),
        hex(story.blocks[k]!).toString('hex'),
      )
      t.equal(table.bytes, story.sizes[k])
    }
  })
}

t.test('every byte has its code, and no code begins another', async (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const coded = Buffer.alloc(huffmanLength(all, 0, 256))
  const out = Buffer.alloc(300)

  t.equal(huffmanEncode(all, 0, 256, coded, 0), coded.length)
  t.equal(huffmanDecode(coded, 0, coded.length, out, 0), 256)
  t.same(out.subarray(0, 256), all)
})

/** A field as the examples write it: by an index where there is one, else as a literal that is indexed. */
function representation(table: DynamicTable, [name, value]: Field, isCoded: boolean): Buffer {
  const out = Buffer.alloc(256)
  const line = Buffer.from(`${name}: ${value}\r\n`)
  const fixed = staticFields.findIndex((field) => field[0] === name && field[1] === value) + 1
  const entries = Array.from({ length: table.count }, (_, k) => Buffer.from(table.line(k + 1)))
  const entry = entries.findIndex((bytes) => bytes.equals(line))
  if (fixed > 0) return out.subarray(0, putInteger(out, 0, 0x80, 7, fixed))
  if (entry >= 0) return out.subarray(0, putInteger(out, 0, 0x80, 7, 62 + entry))
  const nameIndex = staticFields.findIndex((field) => field[0] === name) + 1
  let at = putInteger(out, 0, 0x40, 6, nameIndex)
  for (const text of nameIndex === 0 ? [name, value] : [value]) at = putString(out, at, Buffer.from(text), isCoded)
  table.add(line, 0, line.length, name.length, 0)
  return out.subarray(0, at)
}

function putString(out: Buffer, at: number, bytes: Buffer, isCoded: boolean): number {
  const length = isCoded ? huffmanLength(bytes, 0, bytes.length) : bytes.length
  const from = putInteger(out, at, isCoded ? 0x80 : 0, 7, length)
  return isCoded ? huffmanEncode(bytes, 0, bytes.length, out, from) : from + bytes.copy(out, from)
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

function request(scheme: string, path: string): Field[] {
  return [
    [':method', 'GET'],
    [':scheme', scheme],
    [':path', path],
    [':authority', 'www.example.com'],
  ]
}
