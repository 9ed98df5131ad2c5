import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The text files below a folder whose names end in one of `endings`, by path in the repository, tracked by git or not yet. */
export function textsBelow(folder: string, endings: readonly string[]): ReadonlyMap<string, string> {
  const paths = walk(join(root, folder)).filter((path) => endings.some((ending) => path.endsWith(ending)))
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

/** The paths that belong to the repository: what git tracks, and in a copy without git everything but what a build leaves behind. */
export function trackedPaths(): readonly string[] {
  if (!existsSync(join(root, '.git'))) return walk(root)
  // The folder may belong to somebody else than the one who runs the tests (a container's root), which git refuses without this.
  const list = execFileSync('git', ['-c', `safe.directory=${root.replace(/\/$/, '')}`, 'ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  return list.split('\0').filter((path) => path !== '' && existsSync(join(root, path)))
}

function walk(folder: string): readonly string[] {
  const made = new Set(['node_modules', 'dist', '.tap', '.git', 'relay.yaml'])
  return readdirSync(folder)
    .filter((name) => !made.has(name) && !name.endsWith('.log'))
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? walk(path) : [relative(root, path).split(sep).join('/')]))
}
