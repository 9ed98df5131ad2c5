// Programs that tests need and that do not come from npm, each with its Debian package.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail, root } from './run.js'

const tools = [
  { name: 'git', debian: 'git', isNeeded: () => existsSync(join(root, '.git')) },
  // Tests start their own, on ports of their own: a service that the package may bring is neither used nor disturbed.
  { name: 'redis-server', debian: 'redis-server', isNeeded: () => true },
]

/** Makes sure that every tool is there: installs it as root on a Debian-like machine, ends with one clear line elsewhere. */
export function needTools() {
  const missing = tools.filter((tool) => tool.isNeeded() && !isInstalled(tool.name))
  if (missing.length === 0) return
  const names = missing.map((tool) => tool.name).join(', ')
  const packages = missing.map((tool) => tool.debian)
  const isRoot = process.getuid?.() === 0
  if (!isRoot || !isInstalled('apt-get'))
    fail(`the tests need ${names}: install it (on Debian: sudo apt-get install ${packages.join(' ')})`)
  process.stdout.write(`relay: the tests need ${names}: installing it (apt-get install ${packages.join(' ')})\n`)
  aptGet(['update', '-q'])
  aptGet(['install', '-q', '-y', '--no-install-recommends', ...packages])
  const still = missing.filter((tool) => !isInstalled(tool.name))
  if (still.length > 0) fail(`apt-get brought no ${still.map((tool) => tool.name).join(', ')}: install it by hand, then run this again`)
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) fail(`apt-get ${args.join(' ')} failed: install the tools by hand, then run this again`)
}

function isInstalled(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}
