import type { PathPlan } from './plan.ts'

/** What is wrong with a path, and what to do about it. */
export interface PathFault {
  readonly message: string
  readonly remedy: string
}

/** A path that could be read, or what is wrong with it. */
export type ReadPath = { readonly is: 'path'; readonly path: PathPlan } | { readonly is: 'fault'; readonly fault: PathFault }

/** What a path is meant as; `guess`: a template where it holds a brace, a prefix elsewhere. */
export type PathForm = 'exact' | 'prefix' | 'template' | 'guess'

/** A route's path as it is written; a slash before it changes nothing, nor one behind a prefix or a template. */
export function readPath(written: string, form: PathForm): ReadPath {
  const is = form !== 'guess' ? form : /[{}]/.test(written) ? 'template' : 'prefix'
  const rooted = written.startsWith('/') ? written : `/${written}`
  const path = is === 'exact' ? rooted : withoutTrailingSlash(rooted)
  const fault = pathFault(is === 'template' ? path.replace(/[{}]/g, '') : path) ?? (is === 'template' ? templateFault(path) : undefined)
  if (fault !== undefined) return { is: 'fault', fault }
  return { is: 'path', path: is === 'template' ? { is, template: path } : { is, path } }
}

/** The name of a route: its key without a slash before or behind it (`/` itself stays). */
export function routeName(key: string): string {
  return key.replace(/^\//, '').replace(/\/$/, '') || '/'
}

/** A path without the slash behind it; `/` stays. */
export function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** The names of a template's variables, from left to right. */
export function templateVariables(template: string): readonly string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '')
}

/** What is wrong with a path that begins with a slash; undefined when nothing is. */
export function pathFault(path: string): PathFault | undefined {
  if (path.length > 2048) return { message: `is a path of ${path.length} characters`, remedy: 'use at most 2048' }
  if (/[?#]/.test(path))
    return { message: 'holds a query or a fragment', remedy: 'leave out everything from the ? or # on; a query is always passed on' }
  if (/[^!-~]/.test(path))
    return { message: 'holds a space, a control byte or a character outside of ASCII', remedy: 'percent-encode it, as callers do' }
  if (/%(?![0-9A-Fa-f]{2})/.test(path))
    return { message: 'holds a % that two hexadecimal digits do not follow', remedy: 'write %25 for a plain %' }
  if (/%00/.test(path)) return { message: 'holds an encoded NUL', remedy: 'leave it out' }
  if (hasDotSegment(path)) return { message: "holds a '.' or '..' segment", remedy: 'write the path that it leads to' }
  if (path.includes('//')) return { message: 'holds an empty segment (//)', remedy: 'write one slash' }
  const odd = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/.exec(path)?.[0]
  return odd === undefined ? undefined : { message: `holds '${odd}', which no path may hold`, remedy: 'percent-encode it, as callers do' }
}

// In any coding: `%2e%2E`, twice encoded, or behind an encoded slash or a backslash, as some servers decode them.
function hasDotSegment(path: string): boolean {
  let plain = path
  for (let round = 0; round < 4 && /%(25|2e|2f|5c)/i.test(plain); round++) {
    plain = plain.replace(/%(25|2e|2f|5c)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
  }
  return plain.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')
}

function templateFault(template: string): PathFault | undefined {
  const names = templateVariables(template)
  const remedy = 'a variable is one whole segment: /v1/users/{id}'
  for (const segment of template.split('/')) {
    if (/[{}]/.test(segment) && !/^\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(segment))
      return { message: `holds '${segment}', which is no variable`, remedy }
  }
  if (names.length === 0) return { message: 'is a template without a variable', remedy }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined
    ? undefined
    : { message: `holds the variable {${twice}} twice`, remedy: 'give each variable a name of its own' }
}
