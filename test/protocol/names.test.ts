import t from 'tap'
import { decimal, equalsFolded, equalsWord, isToken, isValue } from '../../src/protocol/bytes.ts'
import { Name, hopByHop, isProtected, nameAt, notInTrailers } from '../../src/protocol/names.ts'

// Names in which an `x-` is left out of the key, or a digit stands.
const spelled: Readonly<Record<string, string>> = { apiKey: 'x-api-key', stainlessTimeout: 'x-stainless-timeout' }
const numberOf = (text: string): number => nameAt(Buffer.from(`<${text}>`, 'latin1'), 1, 1 + text.length)

t.test('every known name is found in any letters, with dashes or underscores, and nothing near it is', async (t) => {
  for (const [key, id] of Object.entries(Name)) {
    if (id === Name.other || id === Name.dropped) continue
    const text = spelled[key] ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    t.equal(numberOf(text), id, text)
    t.equal(numberOf(text.toUpperCase()), id)
    t.equal(numberOf(text.replaceAll('-', '_')), id)
    for (const near of [`${text}x`, `x${text}`, text.slice(1), text.slice(0, -1), `${text.slice(0, -1)}!`])
      t.equal(numberOf(near), Name.other, near)
  }
})

t.test('every name has a number of its own that fits a mask', async (t) => {
  const ids = Object.values(Name)

  t.equal(new Set(ids).size, ids.length)
  t.ok(ids.every((id) => id >= 0 && id < 32))
})

t.test('the masks hold what the RFC names', async (t) => {
  const holds = (mask: number, ...ids: readonly number[]): boolean => ids.every((id) => (mask & (1 << id)) !== 0)

  t.ok(
    holds(
      hopByHop,
      Name.connection,
      Name.keepAlive,
      Name.te,
      Name.trailer,
      Name.transferEncoding,
      Name.upgrade,
      Name.contentLength,
      Name.dropped,
    ),
  )
  t.notOk(holds(hopByHop, Name.authorization))
  t.ok(holds(isProtected, Name.host, Name.contentLength, Name.transferEncoding, Name.authorization, Name.apiKey))
  t.ok(holds(notInTrailers, Name.host, Name.contentLength, Name.authorization, Name.expect, Name.contentEncoding, Name.xForwardedFor))
})

t.test('the byte tables are those of the RFC', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte)
    t.equal(isToken[byte] === 1, /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(character), `token ${byte}`)
    t.equal(isValue[byte] === 1, /^[\t\x20-\x7e\x80-\xff]$/.test(character), `value ${byte}`)
  }
})

t.test('a decimal is digits and nothing else, at most fifteen', async (t) => {
  const read = (text: string): number => decimal(Buffer.from(text, 'latin1'), 0, text.length)

  t.same(['0', '007', '999999999999999'].map(read), [0, 7, 999_999_999_999_999])
  t.same(['', '-1', '+1', '1 ', '0x1', '1e3', '\xb2', '1000000000000000'].map(read), [-1, -1, -1, -1, -1, -1, -1, -1])
})

t.test('in a name an underscore is a dash, in a word it is not', async (t) => {
  const bytes = Buffer.from('Keep_Alive')
  const word = Buffer.from('keep-alive')

  t.ok(equalsFolded(bytes, 0, bytes.length, word))
  t.notOk(equalsWord(bytes, 0, bytes.length, word))
  t.ok(equalsWord(Buffer.from('KEEP-alive'), 0, 10, word))
})
