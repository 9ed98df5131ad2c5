import { namePattern } from '../auth/record.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'

const pattern = new RegExp(namePattern)

/** What is named, where problems go, and whether the name is a key of the file or a value. */
interface Named {
  readonly what: string
  readonly found: Findings
  readonly at?: 'key' | 'value'
}

/** Whether a text can name a tenant, business, tier or limit; if not, that is told. */
export function checkName(written: string, path: KeyPath, { what, found, at = 'value' }: Named): boolean {
  if (pattern.test(written)) return true
  const add = at === 'key' ? found.addKey : found.add
  const remedy = 'begin with a small letter or a digit, go on with small letters, digits, dots, dashes and underscores, 63 at most'
  add(path, `${shown(written)} is not a name for a ${what}`, remedy)
  return false
}
