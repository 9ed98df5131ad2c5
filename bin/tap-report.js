// Turns what tap prints into what somebody wants to read: a line for every file that passes, and of one that fails all that says why.
import { isAbsolute, relative } from 'node:path'
import { root } from './run.js'

/** Takes tap's output line by line; `counts()` is how it ended. */
export function tapReport(print) {
  let file = []
  let counted = { total: 0, fail: 0 }
  return {
    line(line) {
      const end = /^(not ok|ok) \d+ - (.*?)(?: # time=([\d.]+)ms)?(?: \{)?$/.exec(line)
      const summary = /^# \{ (.+) \}$/.exec(line)
      if (end) {
        print(fileLine(end[1] === 'ok', end[2], Number(end[3] ?? 0)))
        file = end[1] === 'ok' ? [] : failures(file, print)
      } else if (summary) counted = { ...counted, ...numbers(summary[1]) }
      else if (/^ {2,}(---|\.\.\.|\S+:)/.test(line) && file.length === 0) print(line)
      else file.push(line)
    },
    counts: () => ({ passed: counted.total - counted.fail, failed: counted.fail }),
  }
}

function fileLine(isOk, name, ms) {
  const path = isAbsolute(name) ? relative(root, name) : name
  return `${isOk ? 'ok  ' : 'FAIL'} ${path} (${(ms / 1000).toFixed(1)} s)`
}

function numbers(text) {
  return Object.fromEntries(text.split(', ').map((pair) => [pair.split(': ')[0], Number(pair.split(': ')[1])]))
}

// Of a failed file: every failed assertion under the names of the tests around it, its diagnosis, and what the file itself printed.
function failures(lines, print) {
  const names = []
  let diagnosis = false
  for (const [at, line] of lines.entries()) {
    const depth = line.search(/\S/)
    const test = /^\s*# Subtest: (.*)$/.exec(line)
    const failed = /^\s*not ok \d+ - (.*?)(?: # time=.*)?$/.exec(line)
    if (test) names.splice(Math.floor(depth / 4), Infinity, test[1])
    else if (failed && !isSubtest(lines, at, depth)) print(`  ✖ ${[...names.slice(1, depth / 4), failed[1]].join(' › ')}`)
    else if (/^\s*---$/.test(line)) diagnosis = /^\s*not ok/.test(lines[at - 1] ?? '')
    else if (/^\s*\.\.\.$/.test(line)) diagnosis = false
    else if (diagnosis || !isTap(line)) print(`    ${line.trimStart() === '' ? '' : line.slice(Math.min(depth, 8))}`)
  }
  return []
}

// A test that failed only repeats what its assertions have said: the line before it is indented more deeply.
function isSubtest(lines, at, depth) {
  const before = lines.slice(0, at).findLast((line) => line.trim() !== '')
  return before !== undefined && before.search(/\S/) > depth && /^\s*(\d+\.\.\d+|# )/.test(before)
}

function isTap(line) {
  return /^\s*((not )?ok \d+|\d+\.\.\d+|#|TAP version|$|\})/.test(line)
}
