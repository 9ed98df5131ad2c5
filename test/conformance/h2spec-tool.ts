import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What became of one test of h2spec. */
export interface H2specCase {
  /** Its section, place and title: the same in every run. */
  readonly id: string
  readonly is: 'passed' | 'skipped' | 'failed'
  /** What was expected and what came, where it failed. */
  readonly why: string
}

/** Where h2spec finds a server. */
export interface H2specTarget {
  readonly port: number
  readonly isTls: boolean
}

const source = 'github.com/summerwind/h2spec/cmd/h2spec@latest'
const cache = fileURLToPath(new URL('../../node_modules/.cache/h2spec', import.meta.url))

/** The path of h2spec: the one on the PATH, or one that `go install` puts into a folder that git does not see; else why there is none. */
export function findH2spec(): { readonly path: string } | { readonly problem: string } {
  const installed = join(cache, 'h2spec')
  const found = onPath('h2spec') ?? (existsSync(installed) ? installed : null)
  if (found !== null) return { path: found }
  if (onPath('go') === null)
    return { problem: `h2spec is not on the PATH, nor is go: with Go 1.21 or newer it is installed by itself (${source})` }
  process.stdout.write(`h2spec is not on the PATH: go install ${source}\n`)
  mkdirSync(cache, { recursive: true })
  const { status, stderr } = spawnSync('go', ['install', source], { env: { ...process.env, GOBIN: cache }, encoding: 'utf8' })
  return status === 0 ? { path: installed } : { problem: `go install ${source} failed:\n${stderr}` }
}

/** Runs every test, the strict ones too, against a server. */
export async function runH2spec(path: string, { port, isTls }: H2specTarget): Promise<readonly H2specCase[]> {
  const folder = mkdtempSync(join(tmpdir(), 'h2spec-'))
  try {
    const report = join(folder, 'report.xml')
    const tls = isTls ? ['--tls', '--insecure'] : []
    const args = ['--strict', '--host', '127.0.0.1', '--port', `${port}`, '--timeout', '2', '--junit-report', report, ...tls]
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (out += text))
    await once(child, 'close')
    if (!existsSync(report)) throw new Error(`h2spec has written no report:\n${out}`)
    return casesOf(readFileSync(report, 'latin1'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The cases of a report in JUnit's form. */
function casesOf(xml: string): H2specCase[] {
  const counts = new Map<string, number>()
  const tests = [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)]
  return tests.map(([, section = '', title = '', content = '']) => {
    const place = (counts.get(section) ?? 0) + 1
    counts.set(section, place)
    const is = content.includes('<skipped>') ? 'skipped' : content.trim() === '' ? 'passed' : 'failed'
    const why = plain(content.replaceAll(/<[^>]*>/g, ''))
      .trim()
      .split('\n')
    return { id: `${section} ${place}: ${plain(title)}`, is, why: `expected ${why.slice(0, -1).join(', or ')}; came: ${why.at(-1) ?? ''}` }
  })
}

function plain(text: string): string {
  return text.replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&amp;', '&')
}

function onPath(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null
}
