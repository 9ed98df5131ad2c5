import t from 'tap'
import { parseTemplate } from '../../src/transcode/template.ts'

/** A template, and how it is read: segments, verb, variables as `field from-to`, `!` where it is one segment that is decoded whole. */
const good: readonly (readonly [template: string, segments: string, verb?: string, ...variables: readonly string[]])[] = [
  ['/', ''],
  ['/a', 'a'],
  ['/a/b/c', 'a b c'],
  ['/*', '*'],
  ['/**', '**'],
  ['/*/**', '* **'],
  ['/*/a/**', '* a **'],
  ['/a:foo', 'a', 'foo'],
  ['/a/b/c:foo', 'a b c', 'foo'],
  ['/*:verb', '*', 'verb'],
  ['/**:verb', '**', 'verb'],
  ['/{a}:verb', '*', 'verb', 'a 0-1 !'],
  ['/shelves/{shelf}/books/{book}', 'shelves * books *', '', 'shelf 1-2 !', 'book 3-4 !'],
  ['/a/{a.b.c}', 'a *', '', 'a.b.c 1-2 !'],
  ['/a/{a.b.c=*}', 'a *', '', 'a.b.c 1-2 !'],
  ['/a/{b=**}', 'a **', '', 'b 1-2'],
  ['/a/{b=c}', 'a c', '', 'b 1-2'],
  ['/a/{b=c/*}', 'a c *', '', 'b 1-3'],
  ['/a/{b=c/*/d}/e', 'a c * d e', '', 'b 1-4'],
  ['/v1/{name=projects/*/locations/*}/jobs:run', 'v1 projects * locations * jobs', 'run', 'name 1-5'],
  ['/{x=a/*}/b/{y=*}/c', 'a * b * c', '', 'x 0-2', 'y 3-4 !'],
  ['/{x.y.z=*/*}:verb', '* *', 'verb', 'x.y.z 0-2'],
  ['/a/{b=c/**}:verb', 'a c **', 'verb', 'b 1-3'],
  ['/a:b/c', 'a:b c'],
  ['/a/b:c:d', 'a b:c', 'd'],
  ["/a-b_c.d~e/$f,g;h@i!'()+", "a-b_c.d~e $f,g;h@i!'()+"],
  ['/caf%C3%A9', 'caf%C3%A9'],
]

const bad: readonly (readonly [template: string, why: RegExp])[] = [
  ['', /does not begin with "\/"/],
  ['a', /does not begin/],
  ['{x}', /does not begin/],
  ['a/{x}/b:verb', /does not begin/],
  [':verb', /does not begin/],
  ['//', /empty segment/],
  ['/a/', /empty segment/],
  ['/a//b', /empty segment/],
  ['/:verb', /verb behind an empty segment/],
  ['/:', /empty verb/],
  ['/a/:verb', /empty segment/],
  ['/a:', /empty verb/],
  ['/*:', /empty verb/],
  ['/{var}:', /empty verb/],
  ['/a:{b}', /no whole segment|neither/],
  ['/a:b*', /no literal/],
  ['/{}', /field path/],
  ['/{a.}', /field path/],
  ['/{.a}', /field path/],
  ['/{a..b}', /field path/],
  ['/{a-b}', /field path/],
  ['/{1a}', /field path/],
  ['/{a[0]}', /field path/],
  ['/a/{', /no whole segment/],
  ['/a/{var', /no whole segment/],
  ['/a/var}', /neither/],
  ['/a/{x=var:verb}', /verb within a variable/],
  ['/a/{var=/b}', /empty segment/],
  ['/a/{var=}', /empty segment/],
  ['/a/{var=b/}', /empty segment/],
  ['/{var=a/{nested=b}}', /variable within a variable/],
  ['/{a{b}}', /variable within a variable/],
  ['/a{x}', /neither/],
  ['/{x}a', /no whole segment/],
  ['/{x}{y}', /variable within a variable/],
  ['/a/b{x}/s', /neither/],
  ['/a*', /neither/],
  ['/***', /neither/],
  ['/a/**/b', /"\*\*" before its last/],
  ['/**/**', /"\*\*" before its last/],
  ['/{a=**}/b', /"\*\*" before its last/],
  ['/{a=**}/{b}', /"\*\*" before its last/],
  ['/{a=b/**/c}', /"\*\*" before its last/],
  ['/{a}/{a}', /binds a twice/],
  ['/{a}/{a.b}', /binds a and a field within it/],
  ['/{a.b}/{a}', /binds a and a field within it/],
  ['/a b', /neither/],
  ['/a?b', /neither/],
  ['/a#b', /neither/],
  ['/a%2', /neither/],
  ['/café', /neither/],
]

t.test('a template of the grammar is read as its segments, verb and variables', async (t) => {
  for (const [text, segments, verb = '', ...variables] of good) {
    const parsed = parseTemplate(text)
    if (typeof parsed === 'string') {
      t.fail(`${text} ${parsed}`)
      continue
    }
    const words = parsed.segments.map((segment) => (segment.is === 'literal' ? segment.text : segment.is === 'one' ? '*' : '**'))
    t.equal(words.join(' '), segments, text)
    t.equal(parsed.verb, verb, text)
    t.strictSame(
      parsed.variables.map(({ field, from, to, isOne }) => `${field} ${from}-${to}${isOne ? ' !' : ''}`),
      variables,
      text,
    )
  }
})

t.test('what is no template is told, with the part that is wrong', async (t) => {
  for (const [text, why] of bad) {
    const parsed = parseTemplate(text)
    if (typeof parsed === 'string') t.match(parsed, why, text)
    else t.fail(`${text} is taken`)
  }
})
