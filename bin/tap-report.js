// Turns what tap prints into what somebody wants to read: a line for every file that passes, and of one that fails all that says why.
import { relative } from 'node:path'
import { root } from './run.js'

/** Takes tap's output line by line; `counts()` is how it ended, `seen` the files that came to a verdict. */
export function tapReport(print) {
  const seen = new Set()
  let counted = { total: 0, fail: 0 }
  let file = []
  let isFileDiagnosis = false

  function line(text) {
    const verdict = /^(not ok|ok) \d+ - (.*?)(?: # time=([\d.]+)ms)?(?: \{)?$/.exec(text)
    if (isFileDiagnosis) {
      isFileDiagnosis = text !== '  ...'
      if (/^ {2}(exitCode|signal|expired): (?!null|1$)/.test(text)) print(`  ${text}`)
    } else if (text === '  ---') isFileDiagnosis = true
    else if (verdict) conclude(verdict[1] === 'ok', verdict[2], Number(verdict[3] ?? 0))
    else if (text.startsWith('# { total')) counted = { ...counted, ...numbers(text) }
    else file.push(text)
  }

  function conclude(isOk, name, ms) {
    const path = name.startsWith(root) ? relative(root, name) : name
    seen.add(path)
    print(`${isOk ? 'ok  ' : 'FAIL'} ${path} (${(ms / 1000).toFixed(1)} s)`)
    if (!isOk) for (const text of failures(file)) print(text)
    file = []
  }

  return { line, seen, counts: () => ({ passed: counted.total - counted.fail, failed: counted.fail }) }
}

function numbers(text) {
  return Object.fromEntries(Array.from(text.matchAll(/(\w+): (\d+)/g), ([, name, value]) => [name, Number(value)]))
}

// Of a failed file: every failed assertion under the names of the tests around it, its diagnosis, and what the file itself printed.
function failures(lines) {
  const out = []
  const names = []
  let diagnosis = null
  for (const line of lines) {
    const depth = line.search(/\S/)
    const test = /^\s*# Subtest: (.*)$/.exec(line)
    const failed = /^\s*not ok \d+ - (.*?)(?: # time=.*)?$/.exec(line)
    if (diagnosis?.isOpen) {
      if (depth === diagnosis.depth && line.trim() === '...') diagnosis = null
      else out.push(...diagnosis.read(line, depth))
    } else if (test) names.splice(Math.floor(depth / 4), Infinity, test[1])
    else if (failed) {
      // The verdict on a test repeats what its assertions have said.
      const isTest = names[depth / 4] === failed[1]
      if (!isTest) out.push(`  ✖ ${[...names.slice(1, depth / 4), failed[1]].join(' › ')}`)
      diagnosis = { isOpen: false, depth: depth + 2, read: isTest ? () => [] : diagnosisReader(depth + 2) }
    } else if (diagnosis && depth === diagnosis.depth && line.trim() === '---') diagnosis.isOpen = true
    else if (!/^\s*(TAP version|ok \d+|\d+\.\.\d+|#|$)/.test(line)) out.push(`    ${line.trim()}`)
  }
  return out.some((line) => line.startsWith('  ✖')) ? out : lines
}

// The stack says where an assertion stands; the lines of code around it are for who has not the file at hand.
function diagnosisReader(base) {
  let isDropped = false
  return (line, depth) => {
    if (depth === base) isDropped = /^(at|source):/.test(line.trim())
    return isDropped || depth < 0 ? [] : [`    ${line.slice(base)}`]
  }
}
