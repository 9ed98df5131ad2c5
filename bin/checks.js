import { capture } from './run.js'

const checks = [
  ['types', 'tsc', '--noEmit', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'oxfmt', '--check'],
  ['unused', 'knip', '--no-progress'],
]

/** Runs what can be said of the sources without running them: a line for each check, and of a failed one its output. */
export function runChecks() {
  let failed = 0
  for (const [name, tool, ...args] of checks) {
    const { ok, output } = capture(tool, args)
    process.stdout.write(ok ? `ok   ${name}\n` : `FAIL ${name} (${[tool, ...args].join(' ')})\n${output.trimEnd()}\n`)
    if (!ok) failed += 1
  }
  return { passed: checks.length - failed, failed }
}

/** Prints the last line of a run, and makes the process end with the exit code that goes with it. */
export function conclude(...results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`)
  process.exitCode = sum('failed') === 0 ? 0 : 1
}
