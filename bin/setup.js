// Installs what is missing. One stamp file says that an installation went through to its end, and for which lockfile.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture, fail, machinePath, node, root } from './run.js'

const installed = join(root, 'node_modules', '.relay-installed')
const tapBuilt = join(root, 'node_modules', '.relay-tap-built')

/** Makes sure that the packages of the lockfile are installed, and with `tests` that tap is built with the plugins of `.taprc`. */
export function setUp({ tests = false } = {}) {
  const lock = stamp('package-lock.json')
  if (!isStamped(installed, lock) || !existsSync(node)) install(lock)
  if (tests) buildTap(stamp('package-lock.json', '.taprc'))
}

function install(lock) {
  const say = existsSync(installed) ? 'package-lock.json has changed' : 'first run'
  process.stdout.write(`relay: ${say}: installing the packages (npm ci)\n`)
  rmSync(installed, { force: true })
  rmSync(tapBuilt, { force: true })
  // The machine's own Node runs npm: the one in node_modules is about to be replaced.
  const env = { ...process.env, PATH: machinePath() }
  const npm = spawnSync('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (npm.error?.code === 'ENOENT') fail('npm is not on the PATH: install it (on Debian: apt-get install npm) and run this again')
  if (npm.status !== 0) fail('npm ci failed (its message stands above): check the network and the registry, then run this again')
  checkNode()
  writeFileSync(installed, lock)
}

function checkNode() {
  const remedy = 'run `npm ci --ignore-scripts=false`, then this again'
  if (!existsSync(node)) fail(`npm ci brought no Node 26: were install scripts switched off? ${remedy}`)
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (version.status !== 0)
    fail(`the installed Node 26 does not run on this machine (${version.error?.message ?? version.stderr.trim()}): ${remedy}`)
}

function buildTap(wanted) {
  if (isStamped(tapBuilt, wanted)) return
  const build = capture('tap', ['build'])
  if (!build.ok) fail(`tap build failed: remove node_modules and run this again\n${build.output}`)
  writeFileSync(tapBuilt, wanted)
}

function stamp(...files) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const file of files) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function isStamped(file, wanted) {
  return existsSync(file) && readFileSync(file, 'utf8') === wanted
}
