// `npm run build`: bundles in dist/, relay.mjs and the threads that it starts. `--binary` makes dist/relay of them: one executable.
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture, fail, node, root } from './run.js'
import { setUp } from './setup.js'

const dist = join(root, 'dist')

/** Bundles the sources. Whatever esbuild warns of would only show at run time: it is an error here. */
export async function build() {
  const esbuild = await import('esbuild')
  const shared = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node26', logLevel: 'silent', legalComments: 'none' }
  // CommonJS packages call `require` for Node's own modules, which an ES module does not have.
  const banner = `import { createRequire as relayCreateRequire } from 'node:module'\nconst require = relayCreateRequire(process.execPath)`
  const main = { ...shared, entryPoints: ['src/cli/main.ts'], outfile: 'dist/relay.mjs', format: 'esm', banner: { js: banner } }
  // CommonJS, as the binary starts its threads from text, which Node takes for a script and not for a module.
  const worker = { ...shared, entryPoints: ['src/worker/main.ts'], outfile: 'dist/worker.cjs', format: 'cjs' }
  const ledger = { ...shared, entryPoints: ['src/ledger/thread.ts'], outfile: 'dist/ledger.cjs', format: 'cjs' }
  const results = await Promise.allSettled([main, worker, ledger].map((bundle) => esbuild.build(bundle)))
  await esbuild.stop()
  const problems = results.flatMap(({ value, reason }) => [...(reason?.errors ?? []), ...(value?.warnings ?? [])])
  if (problems.length > 0) fail(`the build failed\n${problems.map(problemLine).join('\n')}`)
}

/** Makes `dist/relay` of the bundles: Node itself, with the main bundle and those of its threads put into it. */
export function buildBinary() {
  mkdirSync(dist, { recursive: true })
  const output = join(dist, 'relay')
  rmSync(output, { force: true })
  const config = join(dist, 'relay.sea.json')
  writeFileSync(config, `${JSON.stringify(seaConfig(output), null, 2)}\n`)
  const made = capture(node, ['--build-sea', config])
  if (!made.ok) fail(`the binary could not be made\n${made.output}`)
  chmodSync(output, 0o755)
}

function seaConfig(output) {
  return {
    main: join(dist, 'relay.mjs'),
    mainFormat: 'module',
    output,
    disableExperimentalSEAWarning: true,
    // NODE_OPTIONS is meant for scripts of others: relay's binary has its own flags only.
    execArgvExtension: 'none',
    assets: { worker: join(dist, 'worker.cjs'), ledger: join(dist, 'ledger.cjs'), ...luaAssets() },
  }
}

// Scripts that Redis runs: `lua/take.lua` is the asset's name and the file's.
function luaAssets() {
  const names = readdirSync(join(root, 'lua')).filter((name) => name.endsWith('.lua'))
  return Object.fromEntries(names.map((name) => [`lua/${name}`, join(root, 'lua', name)]))
}

function problemLine({ location, text }) {
  return location ? `${location.file}:${location.line}:${location.column + 1} ${text}` : text
}

if (process.argv[1] === join(root, 'bin', 'build.js')) {
  setUp()
  await build()
  if (process.argv.includes('--binary')) buildBinary()
}
