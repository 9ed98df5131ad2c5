// Installs what is missing: npm's own record of what it has installed is held against the lockfile.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture, fail, machinePath, node, root } from './run.js'

const modules = join(root, 'node_modules')
const tapBuilt = join(modules, '.tap-built')

/** Makes sure that the packages of the lockfile are installed, and with `tests` that tap is built with the plugins of `.taprc`. */
export function setUp({ tests = false } = {}) {
  if (!isInstalled()) install()
  if (tests) buildTap()
}

// npm writes its record last, so an installation that broke off has none.
function isInstalled() {
  const wanted = packages(join(root, 'package-lock.json'))
  const found = packages(join(modules, '.package-lock.json'))
  if (found === null || !existsSync(node)) return false
  const isThere = ([path, entry]) => path === '' || entry.version === found[path]?.version || (entry.optional && !found[path])
  return Object.entries(wanted).every(isThere) && Object.keys(found).every((path) => path in wanted)
}

function packages(lockfile) {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, 'utf8')).packages : null
}

function install() {
  const why = existsSync(modules) ? 'node_modules does not match package-lock.json' : 'first run'
  process.stdout.write(`relay: ${why}: installing the packages (npm ci)\n`)
  rmSync(join(modules, '.package-lock.json'), { force: true })
  // The machine's own Node runs npm: the one in node_modules is about to be replaced.
  const env = { ...process.env, PATH: machinePath() }
  const stdio = ['ignore', 'inherit', 'inherit']
  const npm = spawnSync('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], { cwd: root, env, stdio })
  if (npm.error?.code === 'ENOENT') fail('npm is not on the PATH: install it (on Debian: apt-get install npm), then run this again')
  if (npm.status !== 0) fail('npm ci failed, its message stands above: check the network and the registry, then run this again')
  checkNode()
}

function checkNode() {
  const remedy = 'run `npm ci --ignore-scripts=false`, then this again'
  if (!existsSync(node)) fail(`npm ci brought no Node 26: were install scripts switched off? ${remedy}`)
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (version.status !== 0)
    fail(`the installed Node 26 does not run on this machine (${version.error?.message ?? version.stderr.trim()}): ${remedy}`)
}

function buildTap() {
  const wanted = readFileSync(join(root, '.taprc'), 'utf8')
  if (existsSync(tapBuilt) && readFileSync(tapBuilt, 'utf8') === wanted) return
  const build = capture('tap', ['build'])
  if (!build.ok) fail(`tap build failed: remove node_modules and run this again\n${build.output}`)
  writeFileSync(tapBuilt, wanted)
}
