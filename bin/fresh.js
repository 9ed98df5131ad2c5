import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.js'

/** Whether the bundle is newer than every file it was made from. */
export function isFresh() {
  const bundle = join(root, 'dist', 'relay.mjs')
  if (!existsSync(bundle)) return false
  const built = statSync(bundle).mtimeMs
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((name) => join('src', name))
  return ['package.json', ...sources].every((name) => statSync(join(root, name)).mtimeMs < built)
}
