import type { Test } from 'tap'
import { type Around, problemsOf } from './helpers.ts'

/** A mistake, and how it is told: line and column, path, message and remedy. */
export type Case = readonly [
  name: string,
  text: string,
  at: `${number}:${number}`,
  path: string,
  message: RegExp,
  remedy: RegExp,
  around?: Around,
]

/** Each mistake is told once, where it stands, with a remedy, and no secret (they all begin with s3cr). */
export function tellsEachOnce(t: Test, cases: readonly Case[]): void {
  for (const [name, config, at, path, message, remedy, around] of cases) {
    const problems = problemsOf(config, around)

    const [first] = problems
    t.equal(problems.length, 1, `${name}: ${JSON.stringify(problems)}`)
    t.equal(`${first?.line}:${first?.column}`, at, `${name}: line and column`)
    t.equal(first?.path, path, `${name}: path`)
    t.match(first?.message, message, `${name}: message`)
    t.match(first?.remedy, remedy, `${name}: remedy`)
    t.notMatch(JSON.stringify(problems), /s3cr/, `${name}: no secret`)
  }
}
