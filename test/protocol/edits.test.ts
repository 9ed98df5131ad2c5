import t from 'tap'
import { Edits, fieldLine, fieldName } from '../../src/protocol/edits.ts'
import type { Head } from '../../src/protocol/head.ts'
import { Name } from '../../src/protocol/names.ts'
import { goodFields } from './parsed.ts'

/** The lines that an edited head is written as. */
function written(head: Head | null, edits: Edits): readonly string[] {
  const out = Buffer.alloc(4096)
  const text = out.toString('latin1', 3, edits.write(head, out, 3))
  return text === '' ? [] : text.replace(/\r\n$/, '').split('\r\n')
}

t.test('without changes only what ends at this hop is left out', async (t) => {
  const head = goodFields('A: 1', 'Connection: x', 'X: 2', 'TE: trailers', 'B:  3 ', 'Content-Length: 5', 'Content_Type: y', 'C: 4')

  t.same(written(head, new Edits()), ['A: 1', 'B:  3 ', 'C: 4'])
  t.same(written(null, new Edits()), [])
})

t.test('a field that is set takes the place of all of its name and of its twins', async (t) => {
  const edits = new Edits()
  edits.set(fieldName('X-One'), 'mine')
  edits.set(fieldName('X-Api-Key'), 'mine')

  t.same(written(goodFields('x-one: 1', 'X_One: 2', 'X-Two: 3', 'X-ONE: 4', 'x-api-key: 5', 'x_api_key: 6'), edits), [
    'X-Two: 3',
    'X-One: mine',
    'X-Api-Key: mine',
  ])
})

t.test('a field that is added stands beside the others, but for its twins', async (t) => {
  const edits = new Edits()
  edits.add(fieldName('X-One'), 'mine')

  t.same(written(goodFields('X-One: 1', 'X_One: 2', 'X-Two: 3'), edits), ['X-One: 1', 'X-Two: 3', 'X-One: mine'])
})

t.test('of two that set one name the later counts, and what is removed stays away', async (t) => {
  const edits = new Edits()
  edits.set(fieldName('A'), 'first')
  edits.set(fieldName('B'), 'kept')
  edits.set(fieldName('a'), 'second')
  edits.remove(fieldName('C'))
  edits.remove(fieldName('Via'))
  edits.drop(1 << Name.contentType)

  const lines = written(goodFields('A: 0', 'C: 1', 'via: 2', 'Content-Type: x/y', 'D: 3'), edits)

  t.same(lines, ['D: 3', 'B: kept', 'a: second'])
  t.equal(edits.room, 'B: kept\r\na: second\r\n'.length)
})

t.test('a prefix leaves out every name that begins so and goes on', async (t) => {
  const edits = new Edits()
  edits.removePrefix(Buffer.from('x-limit-'))

  t.same(written(goodFields('X-Limit-A: 1', 'x_limit_b: 2', 'X-Limit-: 3', 'X-Limit: 4', 'X-Other: 5'), edits), [
    'X-Limit-: 3',
    'X-Limit: 4',
    'X-Other: 5',
  ])
})

t.test('of several prefixes each leaves out its own', async (t) => {
  const edits = new Edits()
  edits.removePrefix(Buffer.from('x-limit-'))
  edits.removePrefix(Buffer.from('grpc-'))

  t.equal(edits.filter(Buffer.from('x-limit-left: 1\r\nx-sum: 1\r\ngrpc-status: 0\r\n')).toString(), 'x-sum: 1\r\n')
})

t.test('neither a name nor a value with a byte that cannot stand there becomes a line', async (t) => {
  for (const bad of ['a\r\nb', 'a\nb', 'a\0b', 'a\x7fb', 'a\u20acb']) t.throws(() => fieldLine(fieldName('A'), bad), TypeError)
  for (const bad of ['', 'a b', 'a:', 'a\r\n', 'é']) t.throws(() => fieldName(bad), TypeError)
  t.equal(fieldLine(fieldName('A'), 'é\t').toString('latin1'), 'A: é\t\r\n')
})

t.test('what is taken out of a head is taken out of its trailers too, and nothing is added to them', async (t) => {
  const edits = new Edits()
  edits.set(fieldName('x-team'), 'mine')
  edits.remove(fieldName('cookie'))
  edits.removePrefix(Buffer.from('x-limit-'))

  const kept = edits.filter(Buffer.from('X-Team: theirs\r\nx-sum: 1\r\nCookie: a\r\nX-Limit-Left: 2\r\n'))

  t.equal(kept.toString(), 'x-sum: 1\r\n')
  t.equal(edits.filter(Buffer.alloc(0)).length, 0)
})
