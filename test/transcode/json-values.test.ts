import t from 'tap'
import { JsonValues } from '../../src/transcode/json-values.ts'

/** A body, and the values in it; `lines`: it is NDJSON. */
const good: readonly (readonly [body: string, values: readonly string[], lines?: 'lines'])[] = [
  ['', []],
  [' \n\t\r', []],
  ['[]', []],
  [' [ ] ', []],
  ['[1,2, 3 ]', ['1', '2', '3']],
  ['[{"a":1},{"b":[2]}]', ['{"a":1}', '{"b":[2]}']],
  ['[{"a":"}]"} , "x,]\\"y" ,[[1],[2]],null]', ['{"a":"}]"}', '"x,]\\"y"', '[[1],[2]]', 'null']],
  ['{"a":1}', ['{"a":1}']],
  ['{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
  ['{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']],
  ['{\n  "a": "\\\\"\n}\n\n{"b":"{["}', ['{\n  "a": "\\\\"\n}', '{"b":"{["}']],
  ['1 2\ntrue "x"', ['1', '2', 'true', '"x"']],
  ['{} [1]', ['{}', '[1]']],
  ['"é😀"', ['"é😀"']],
  ['{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}'], 'lines'],
  ['\n\n{"a":1}\r\n  \n[1]\n', ['{"a":1}\r', '[1]'], 'lines'],
  ['{"a":\n', ['{"a":'], 'lines'],
  ['', [], 'lines'],
]

const bad: readonly (readonly [body: string, why: RegExp])[] = [
  ['[', /breaks off/],
  ['[1', /breaks off/],
  ['[{"a":1}', /breaks off/],
  ['[1,', /breaks off/],
  ['[1,]', /begins with "\]"/],
  ['[,1]', /begins with ","/],
  ['[1,,2]', /begins with ","/],
  ['[{} {}]', /no comma/],
  ['[1]2', /bytes behind/],
  ['[][]', /bytes behind/],
  ['{},{}', /begins with ","/],
  ['}', /begins with "\}"/],
  ['{}}', /begins with "\}"/],
]

t.test('a body is cut into its values, however it comes', async (t) => {
  for (const [body, values, lines] of good) {
    for (const size of [1, 2, 3, 1000])
      t.strictSame(cut(body, { size, lines: lines !== undefined }), values, `${JSON.stringify(body)} by ${size}`)
  }
})

t.test('what stands between values, and is none, is refused, however it comes', async (t) => {
  for (const [body, why] of bad) {
    for (const size of [1, 3, 1000]) t.throws(() => cut(body, { size, lines: false }), { failure: 'bad_request', message: why }, body)
  }
})

t.test('a value is bounded, in one chunk, over several and as a line; many small ones are not', async (t) => {
  const most = 10
  const long = `{"a":"${'x'.repeat(10)}"}`

  for (const [body, lines] of [
    [long, false],
    [`[${long}]`, false],
    [`${long}\n`, true],
    ['"'.padEnd(20, 'x'), false],
  ] as const) {
    for (const size of [1, 7, 1000])
      t.throws(() => cut(body, { size, lines, most }), { failure: 'too_large', message: /longer than 10 bytes/ }, `${body} by ${size}`)
  }
  t.equal(cut('[1234567,'.concat('1234567,'.repeat(100), '1]'), { size: 7, lines: false, most }).length, 102)
})

t.test('what a body lends is not kept: a value that began in one chunk is its own', async (t) => {
  const values: string[] = []
  const cutter = new JsonValues({ most: 100, lines: false })
  const chunk = Buffer.from('{"a":')

  cutter.push(chunk, () => t.fail('no value yet'))
  chunk.fill('z')
  cutter.push(Buffer.from('1}'), (value) => values.push(Buffer.from(value).toString()))

  t.strictSame(values, ['{"a":1}'])
})

interface CutOptions {
  readonly size: number
  readonly lines: boolean
  readonly most?: number
}

function cut(body: string, { size, lines, most = 1000 }: CutOptions): readonly string[] {
  const values: string[] = []
  const cutter = new JsonValues({ most, lines })
  const emit = (value: Uint8Array): number => values.push(Buffer.from(value).toString())
  const bytes = Buffer.from(body)
  for (let from = 0; from < bytes.length; from += size) cutter.push(bytes.subarray(from, from + size), emit)
  cutter.end(emit)
  return values
}
