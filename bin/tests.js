import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root, toolEnv } from './run.js'
import { tapReport } from './tap-report.js'

/** Runs test files (all of them, unless some are named) with tap, two at a time, and prints a report; the figures count assertions. */
export async function runTests(named = [], env = {}) {
  const print = (line) => process.stdout.write(`${line}\n`)
  const report = tapReport(print)
  const files = named.length > 0 ? named : allTests()
  const tap = spawn('tap', ['--reporter=tap', ...files], {
    cwd: root,
    env: { ...toolEnv(), ...compileCache, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => tap.on('exit', (code) => resolve(code ?? 1)))
  for await (const line of createInterface({ input: tap.stdout })) report.line(line)
  const code = await ended
  // One file over its time ends tap's whole run: files that never came to a verdict are failures with a name, not silence.
  const lost = files.filter((file) => file.endsWith('.ts') && !report.seen.has(file.replace(/^\.\//, '')))
  for (const file of lost) print(`FAIL ${file} (not run to its end)`)
  const { passed, failed } = report.counts()
  return { passed, failed: failed + lost.length === 0 && code !== 0 ? 1 : failed + lost.length }
}

/** Sources are compiled once for all the processes that tests start: half of what the short ones among them take. */
const compileCache = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') }

/** Every test file whose path begins so. */
export function allTests(folder = 'test') {
  const names = readdirSync(join(root, 'test'), { recursive: true })
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .filter((name) => name.startsWith(folder))
    .sort()
}
