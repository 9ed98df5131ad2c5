import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cycles, importsOf, layerProblems } from './setup/imports.ts'
import { documentedTable, layerTable, topLevel } from './setup/layer-table.ts'
import { root, textsBelow, trackedPaths } from './setup/tree.ts'

const sources = textsBelow('src', ['.ts', '.tsx'])
const commentsAndStrings = /\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*|'(?:[^'\\\n]|\\.)*'/g

t.test('a folder of src imports itself and the layers below it', async (t) => {
  t.strictSame(layerProblems(sources), [])
})

t.test('no file imports itself through others', async (t) => {
  t.strictSame(cycles(sources), [])
})

t.test('every relative import names a file that exists, with its ending', async (t) => {
  const imports = [...sources].flatMap(([path, text]) => importsOf(path, text))

  const missing = imports.filter(({ to }) => !existsSync(join(root, to)) || !/\.\w+$/.test(to))

  t.strictSame(missing, [])
})

t.test('no file is longer than 250 lines', async (t) => {
  const files = [...sources, ...textsBelow('bin', ['.js'])]

  const long = files.filter(([, text]) => text.trimEnd().split('\n').length > 250)

  t.strictSame(
    long.map(([path]) => path),
    [],
  )
})

t.test('nothing in src has the type any', async (t) => {
  const code = new Map([...sources].map(([path, text]) => [path, text.replace(commentsAndStrings, '')]))

  t.strictSame(matches(code, /(?:[:<|&,(]|\bas|=>)\s*any\b(?!\s*[:=(])/), [])
})

t.test('the top of the repository holds what it is meant to hold', async (t) => {
  const entries = new Set(trackedPaths().map((path) => path.split('/')[0] ?? ''))

  const others = [...entries].filter((name) => !name.startsWith('.') && !topLevel.includes(name))

  t.strictSame(others, [])
})

t.test('no file names a folder of the machine it was written on, or a document that is not here', async (t) => {
  const paths = trackedPaths().filter((path) => !/(^|\/)(package-lock\.json|LICENSE)$/.test(path))
  const texts = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
  const documents = new Set(paths.map((path) => path.split('/').at(-1)))

  const folders = matches(texts, /(?<![\w.}~*-])\/(?:home|root|Users|work)\/\w+/)
  const absent = matches(texts, /\b[A-Z]{3,}\.md\b/).filter((line) => !documents.has(line.split(': ').at(-1)))

  t.strictSame([...folders, ...absent], [])
})

t.test('the lockfile names no place to download from', async (t) => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')

  t.notMatch(lock, /"resolved"/)
})

t.test('ARCHITECTURE.md shows the table that is held here', async (t) => {
  const path = join(root, 'ARCHITECTURE.md')

  const shown = existsSync(path) ? documentedTable(readFileSync(path, 'utf8')) : null

  t.strictSame(shown, layerTable, 'a block fenced with ```layers, a row a line, top first')
})

t.test('an import that goes up or sideways is found in each of its forms', async (t) => {
  const forms = [
    `import { a } from '../stages/a.ts'`,
    `import {\n  a,\n  type b,\n} from '../stages/a.ts'`,
    `import type { a } from '../stages/a.ts'`,
    `import * as a from '../stages/a.ts'`,
    `export { a } from '../stages/a.ts'`,
    `export * from '../stages/a.ts'`,
    `import '../stages/a.ts'`,
    `const a = await import('../stages/a.ts')`,
    `type A = import('../stages/a.ts').A`,
    `import { a } from '../claude/a.ts'`,
  ]

  const found = forms.map((form) => layerProblems(new Map([['src/engine/x.ts', form]])).length)

  t.strictSame(
    found,
    forms.map(() => 1),
  )
})

t.test('an import of a lower layer, of a package, and one in a comment are no problem', async (t) => {
  const text = `import { a } from '../protocol/a.ts'\nimport net from 'node:net'\nimport json from '../../package.json' with { type: 'json' }\n// import { b } from '../cli/b.ts'\n`

  t.strictSame(layerProblems(new Map([['src/engine/x.ts', text]])), [])
})

t.test('control may import the type of the plan, and nothing that runs', async (t) => {
  const type = new Map([['src/control/x.ts', `import type { Plan } from '../config/plan.ts'`]])
  const value = new Map([['src/control/x.ts', `import { load } from '../config/plan.ts'`]])

  t.strictSame(layerProblems(type), [])
  t.strictSame(layerProblems(value), ['src/control/x.ts imports src/config/plan.ts'])
})

t.test('a ring of three files is found', async (t) => {
  const ring = new Map([
    ['src/base/a.ts', `import { b } from './b.ts'`],
    ['src/base/b.ts', `import { c } from './c.ts'`],
    ['src/base/c.ts', `import type { a } from './a.ts'`],
  ])

  t.strictSame(cycles(ring), ['src/base/a.ts → src/base/b.ts → src/base/c.ts → src/base/a.ts'])
})

function matches(texts: ReadonlyMap<string, string>, pattern: RegExp): readonly string[] {
  const all = new RegExp(pattern, `${pattern.flags}g`)
  return [...texts].flatMap(([path, text]) => Array.from(text.matchAll(all), (match) => `${path}: ${match[0]}`))
}
