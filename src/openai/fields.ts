import { invalid, missing, OpenAiProblem } from './problem.ts'

/** A JSON object, as it came. */
export type Json = Readonly<Record<string, unknown>>

/** Whether a value is an object with fields (and no list). */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value that has to be an object. */
export function objectAt(value: unknown, param: string): Json {
  if (isJson(value)) return value
  throw value === undefined ? missing(param) : invalid(param, 'an object is expected')
}

/** A value that has to be a list. */
export function listAt(value: unknown, param: string): readonly unknown[] {
  // `isArray` says nothing of what is in it.
  if (Array.isArray(value)) return value as readonly unknown[]
  throw value === undefined ? missing(param) : invalid(param, 'a list is expected')
}

/** A value that has to be a text. */
export function textAt(value: unknown, param: string): string {
  if (typeof value === 'string') return value
  throw value === undefined || value === null ? missing(param) : invalid(param, 'a string is expected')
}

/** A value that may be a text; null and nothing are none. */
export function maybeText(value: unknown, param: string): string | null {
  return value === undefined || value === null ? null : textAt(value, param)
}

/** A value that may be true or false; null and nothing are false. */
export function flagAt(value: unknown, param: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw invalid(param, 'true or false is expected')
}

/** A value that may be a number between two others; null and nothing are none. */
export function numberAt(value: unknown, param: string, [least, most]: readonly [number, number]): number | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw invalid(param, `a number from ${least} to ${most} is expected`)
}

/** Refuses the fields of an object that are not among the known ones; on a lossy route they are passed over. */
export function checkNames(
  object: Json,
  known: ReadonlySet<string>,
  { at, lossy }: { readonly at: string; readonly lossy: boolean },
): void {
  if (lossy) return
  for (const name in object) {
    if (known.has(name)) continue
    const param = at === '' ? name : `${at}.${name}`
    throw new OpenAiProblem(`${param} is not a field that can be put into Claude's terms`, { param, code: 'unknown_parameter' })
  }
}
