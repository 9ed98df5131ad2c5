import { relative } from 'node:path'

/** A file as a person would type it: from where they stand, unless that is elsewhere altogether. */
export function near(file: string, cwd: string): string {
  const path = relative(cwd, file)
  return path === '' || path.startsWith('..') ? file : path
}
