import t from 'tap'
import { MatchTree } from '../../src/transcode/match-tree.ts'
import { parseTemplate } from '../../src/transcode/template.ts'

interface Case {
  readonly name: string
  /** Each `GET` unless it says another method. */
  readonly templates: readonly string[]
  /** A path (`POST /a` for another method), and the template that it means; null: none. Behind it the segments that were matched. */
  readonly paths: readonly (readonly [path: string, template: string | null, ...segments: readonly string[]])[]
}

const cases: readonly Case[] = [
  {
    name: '** stands for all that is left, nothing included',
    templates: ['/**'],
    paths: [
      ['/', '/**'],
      ['/a', '/**', 'a'],
      ['/a/', '/**', 'a', ''],
      ['/a/b/c', '/**', 'a', 'b', 'c'],
      ['/a//b', null],
      ['//a', null],
      ['', null],
      ['*', null],
      ['a', null],
    ],
  },
  {
    name: 'a literal goes before * and that before **, at each segment',
    templates: ['/a/**', '/b/*', '/c/*/d/**', '/c/*/d/e', '/c/f/d/e', '/'],
    paths: [
      ['/a/b', '/a/**'],
      ['/a', '/a/**'],
      ['/a/b/c', '/a/**'],
      ['/b/c', '/b/*'],
      ['/b', null],
      ['/b/', null],
      ['/b/c/d', null],
      ['/b/c/', null],
      ['/c/u/d/v', '/c/*/d/**'],
      ['/c/v/d/w/x', '/c/*/d/**'],
      ['/c/x/y/d/z', null],
      ['/c//d/w', null],
      ['/c/x/d/e', '/c/*/d/e'],
      ['/c/f/d/e', '/c/f/d/e'],
      ['/c/f/d/e/g', '/c/*/d/**'],
      ['/', '/'],
    ],
  },
  {
    name: 'a branch that leads nowhere is left again',
    templates: [
      '/a/{x}/c/d/e',
      '/{x=a/*}/b/{y=*}/c',
      '/a/{x=b/*}/{y=d/**}',
      '/{x=*}/a',
      '/a/b/{x=*}',
      '/a/b/c/{x=**}',
      '/{x=*}/d/e/f/{y=**}',
    ],
    paths: [
      ['/a/book/c/d/e', '/a/{x}/c/d/e'],
      ['/a/hello/b/world/c', '/{x=a/*}/b/{y=*}/c'],
      ['/a/b/zoo/d/animal/tiger', '/a/{x=b/*}/{y=d/**}'],
      ['/foo/a', '/{x=*}/a'],
      ['/a/a', '/{x=*}/a'],
      ['/a/b/foo', '/a/b/{x=*}'],
      ['/a/b/c/foo/bar/baz', '/a/b/c/{x=**}'],
      ['/a/b/c', '/a/b/c/{x=**}'],
      ['/foo/d/e/f/bar/baz', '/{x=*}/d/e/f/{y=**}'],
      ['/a/d/e/f', '/{x=*}/d/e/f/{y=**}'],
      ['/a/b/b/b/c', '/{x=a/*}/b/{y=*}/c'],
    ],
  },
  {
    name: 'a path that goes on, or stops short, is another one',
    templates: ['/p/m/s', '/p/m', '/p'],
    paths: [
      ['/p/m/s', '/p/m/s'],
      ['/p/m', '/p/m'],
      ['/p', '/p'],
      ['/p/', null],
      ['/p/m/s/o', null],
      ['/p/o', null],
      ['/pp', null],
      ['/P', null],
      ['/p?x=1', null],
    ],
  },
  {
    name: 'a verb that is known is split off; one that is not belongs to the segment',
    templates: ['/person', '/person/{id=*}', '/{x=**}:verb'],
    paths: [
      ['/person:verb', '/{x=**}:verb', 'person'],
      ['/person/jason:verb', '/{x=**}:verb', 'person', 'jason'],
      ['/animal/cat:verb', '/{x=**}:verb', 'animal', 'cat'],
      ['/person', '/person', 'person'],
      ['/person/jason', '/person/{id=*}', 'person', 'jason'],
      ['/animal', null],
      ['/person:other', null],
      ['/person/jason:other', '/person/{id=*}', 'person', 'jason:other'],
      ['/person/a:b:verb', '/{x=**}:verb', 'person', 'a:b'],
      ['/person/jason:', '/person/{id=*}', 'person', 'jason:'],
      ['/person/:verb', '/person/{id=*}', 'person', ':verb'],
    ],
  },
  {
    name: 'verbs go by the same precedence',
    templates: ['/some/const:verb', '/some/*:verb', '/some/*/foo:verb', '/other/**:verb', '/other/x:verb'],
    paths: [
      ['/some/const:verb', '/some/const:verb'],
      ['/some/other:verb', '/some/*:verb'],
      ['/some/other:verb/', null],
      ['/some/bar/foo:verb', '/some/*/foo:verb'],
      ['/some/foo1/foo2/foo:verb', null],
      ['/some/foo/bar:verb', null],
      ['/other/bar/foo:verb', '/other/**:verb'],
      ['/other/x:verb', '/other/x:verb'],
      ['/other:verb', '/other/**:verb'],
      ['/some/const', null],
    ],
  },
  {
    name: 'a verb before the last segment is none; where the verb leads nowhere, its segment is taken whole',
    templates: ['/{a=*}/{b=*}:verb', '/foo/{a}', '/x/{b}/hello'],
    paths: [
      ['/some:verb/const:verb', '/{a=*}/{b=*}:verb', 'some:verb', 'const'],
      ['/foo/other:verb', '/{a=*}/{b=*}:verb', 'foo', 'other'],
      ['/foo/other:else', '/foo/{a}', 'foo', 'other:else'],
      ['/x/y:verb/hello', '/x/{b}/hello', 'x', 'y:verb', 'hello'],
    ],
  },
  {
    name: 'a custom verb and none, of everything',
    templates: ['/{a=**}:verb', '/{a=**}'],
    paths: [
      ['/some:verb/const:verb', '/{a=**}:verb', 'some:verb', 'const'],
      ['/some:verb/const', '/{a=**}', 'some:verb', 'const'],
      ['/some:verb2/const:verb2', '/{a=**}', 'some:verb2', 'const:verb2'],
      [':verb', null],
    ],
  },
  {
    name: 'the HTTP method counts; where a literal has it not, the wildcard beside it may',
    templates: ['POST /a/b', '/a/{x}', '* /any', 'HEAD /h', 'GET /any'],
    paths: [
      ['/a/b', '/a/{x}'],
      ['POST /a/b', '/a/b'],
      ['POST /a/c', null],
      ['DELETE /any', '/any'],
      ['PURGE /any', '/any'],
      ['HEAD /h', '/h'],
      ['/h', null],
      ['get /a/b', null],
    ],
  },
  {
    name: 'escapes are no letters here: a path is compared as it came',
    templates: ['/caf%C3%A9', '/a/b', '/{x=a/*}/c'],
    paths: [
      ['/caf%C3%A9', '/caf%C3%A9'],
      ['/a%2Fb', null],
      ['/%61/b', null],
      ['/a%2Fb/c', null],
      ['/a/x%2Fy/c', '/{x=a/*}/c', 'a', 'x%2Fy', 'c'],
    ],
  },
  {
    name: 'names of objects are no paths',
    templates: ['/a'],
    paths: [
      ['/__proto__', null],
      ['/constructor', null],
      ['/a:constructor', null],
    ],
  },
]

for (const { name, templates, paths } of cases) {
  t.test(name, async (t) => {
    const tree = treeOf(templates)

    for (const [asked, expected, ...segments] of paths) {
      const [method, path] = divided(asked)
      const seen: string[] = []
      const found = tree.find(method, path, seen)
      t.equal(found, expected, asked)
      if (segments.length > 0) t.strictSame(seen, segments, asked)
    }
  })
}

t.test('of two templates that stand for the same paths, the second is told of the first', async (t) => {
  const tree = treeOf(['/a/{x}', '/a/{x}:verb', 'POST /a/{x}', '/a/**', '/a/b'])

  const others = ['/a/*', '/a/{y=*}', '/a/{y}:verb', '/a/{y=**}', '/{y=a/**}', '/{y=a/b}', '/a/*/c', '/a/{y}:other'].map((text) =>
    tree.add('GET', parsed(text), text),
  )

  t.strictSame(others, ['/a/{x}', '/a/{x}', '/a/{x}:verb', '/a/**', '/a/**', '/a/b', null, null])
})

t.test('ten thousand templates are looked through no slower than their depth', async (t) => {
  const tree = new MatchTree<number>()
  for (let at = 0; at < 10_000; at++) tree.add('GET', parsed(`/v1/things${at}/{id}/parts/{part}`), at)

  t.equal(tree.find('GET', '/v1/things9999/1/parts/2', []), 9_999)
  t.equal(tree.find('GET', '/v1/things10000/1/parts/2', []), null)
})

t.test('of random templates and paths, those are found that a pattern of the same meaning finds', async (t) => {
  const random = dice(7)
  const pick = (words: readonly string[]): string => words[random(words.length)] ?? ''
  const some = (most: number, word: () => string): readonly string[] => Array.from({ length: random(most) }, word)
  const found = { yes: 0, no: 0 }

  for (let round = 0; round < 300; round++) {
    const texts = Array.from({ length: 1 + random(6) }, () => {
      const rest = random(4) === 0 ? ['**'] : []
      const verb = random(3) === 0 ? `:${pick(['x', 'y'])}` : ''
      const parts = [...some(4, () => pick(['a', 'b', '*', 'a:x'])), ...rest]
      return parts.length === 0 ? '/' : `/${parts.join('/')}${verb}`
    })
    const tree = treeOf(texts)
    for (let each = 0; each < 30; each++) {
      const path = `/${some(5, () => pick(['a', 'b', 'c', 'a:x', 'b:y', 'a:x:y', ''])).join('/')}`
      const isKnown = texts.some((text) => patternOf(text).test(path))
      found[isKnown ? 'yes' : 'no']++
      if ((tree.find('GET', path, []) !== null) !== isKnown) t.fail(`${path} in ${texts.join(' ')}`)
    }
  }
  t.ok(found.yes > 1000 && found.no > 1000, `${found.yes} found, ${found.no} not`)
})

/** A template as a regular expression; an empty segment is one only at the end, under `**`. */
function patternOf(text: string): RegExp {
  const { segments, verb } = parsed(text)
  const parts = segments.map((segment) =>
    segment.is === 'literal' ? `/${segment.text}` : segment.is === 'one' ? '/[^/]+' : '(?:/[^/]+)*/?',
  )
  // A verb stands behind a segment that is not empty.
  const end = verb === '' ? '$' : `(?<=[^/]):${verb}$`
  return new RegExp(segments.length === 0 ? '^/$' : `^${parts.join('')}${end}`)
}

function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * sides)
  }
}

function treeOf(templates: readonly string[]): MatchTree<string> {
  const tree = new MatchTree<string>()
  for (const each of templates) {
    const [method, text] = divided(each)
    tree.add(method, parsed(text), text)
  }
  return tree
}

function divided(text: string): readonly [method: string, path: string] {
  const space = text.indexOf(' ')
  return space < 0 ? ['GET', text] : [text.slice(0, space), text.slice(space + 1)]
}

function parsed(text: string) {
  const template = parseTemplate(text)
  if (typeof template === 'string') throw new Error(`${text} ${template}`)
  return template
}
