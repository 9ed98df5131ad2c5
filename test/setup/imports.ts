import { posix } from 'node:path'
import { layerTable, typeExceptions } from './layer-table.ts'

/** Source texts by their path in the repository (`src/engine/pool.ts`). */
export type Sources = ReadonlyMap<string, string>

interface Import {
  readonly from: string
  readonly to: string
  readonly isType: boolean
}

// The formatter puts every statement at the start of a line and every specifier into single quotes, so these forms are all there are.
const names = String.raw`(?:[\w$]+|\* as [\w$]+|\*)?(?:,\s*)?(?:\{[^}]*\})?`
const statement = new RegExp(String.raw`^(?:import|export)\s+(type\s+)?${names}\s*from\s+'([^']+)'`, 'gm')
const bare = /^import\s+'([^']+)'/gm
const typeQuery = /\bimport\('([^']+)'\)(?=[.[]\w)/g
const dynamic = /\bimport\((?:\s*'([^']+)')?/g

/** Every relative import of a file, by path in the repository; a dynamic import of anything but a literal is a problem of its own. */
export function importsOf(path: string, text: string): readonly Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = [
    ...Array.from(code.matchAll(statement), (match) => ({ target: match[2], isType: match[1] !== undefined })),
    ...Array.from(code.matchAll(bare), (match) => ({ target: match[1], isType: false })),
    ...Array.from(code.matchAll(typeQuery), (match) => ({ target: match[1], isType: true })),
    ...Array.from(code.replace(typeQuery, '').matchAll(dynamic), (match) => ({ target: match[1] ?? './an expression', isType: false })),
  ]
  return found.flatMap(({ target, isType }) =>
    target?.startsWith('.') ? [{ from: path, to: posix.join(posix.dirname(path), target), isType }] : [],
  )
}

/** Imports that go up or sideways, each as one line. */
export function layerProblems(sources: Sources): readonly string[] {
  const imports = [...sources].flatMap(([path, text]) => importsOf(path, text))
  const strangers = [...sources.keys()].filter((path) => rowOf(path) === -1).map((path) => `${path}: its folder is not in the table`)
  const wrong = imports.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} imports ${to}`)
  return [...strangers, ...wrong]
}

function isAllowed({ from, to, isType }: Import): boolean {
  const [mine, theirs] = [folderOf(from), folderOf(to)]
  if (mine === theirs || to === 'package.json') return true
  if (isType && typeExceptions.some((each) => each.from === mine && to === `src/${each.to}`)) return true
  return rowOf(to) > rowOf(from)
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

// `src/index.ts`, the door for the outside world, stands above all rows.
function rowOf(path: string): number {
  if (path === 'src/index.ts') return -0.5
  return layerTable.findIndex((row) => path.startsWith('src/') && row.includes(folderOf(path)))
}

/** The first ring of files that import each other found from each file, as `a → b → a`; types count too. */
export function cycles(sources: Sources): readonly string[] {
  const graph = new Map([...sources].map(([path, text]) => [path, importsOf(path, text).map(({ to }) => to)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at !== -1) found.push([...trail.slice(at), path].join(' → '))
    if (at !== -1 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}
