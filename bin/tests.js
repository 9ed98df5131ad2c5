import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { root, toolEnv } from './run.js'
import { tapReport } from './tap-report.js'

/** Runs test files with tap, two at a time, and prints a report; the figures count assertions. */
export async function runTests(files = []) {
  const report = tapReport((line) => process.stdout.write(`${line}\n`))
  const tap = spawn('tap', ['--reporter=tap', ...files], { cwd: root, env: toolEnv(), stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => tap.on('exit', (code) => resolve(code ?? 1)))
  for await (const line of createInterface({ input: tap.stdout })) report.line(line)
  const code = await ended
  const { passed, failed } = report.counts()
  // tap itself can fail where no assertion has: nothing matched, a file that cannot be read.
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed }
}
