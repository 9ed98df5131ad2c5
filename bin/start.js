// `npm start [-- arguments of relay start]`: installs what is missing, builds, and starts relay.
import { join } from 'node:path'
import { build } from './build.js'
import { foreground, node, root } from './run.js'
import { setUp } from './setup.js'

const args = process.argv.slice(2)
const isOwn = args.some((arg) => /^(-c|--config|--upstream)(=|$)/.test(arg))

setUp()
await build()
foreground(node, [join(root, 'dist', 'relay.mjs'), 'start', ...(isOwn ? [] : ['--config', 'relay.config.example.yaml']), ...args], {
  cwd: isOwn ? (process.env.INIT_CWD ?? root) : root,
  env: { ...(isOwn ? process.env : withoutKeys(process.env)), RELAY_COMMAND: 'bin/relay.js' },
})

// The example needs no account: a key that lies about in the environment stays out of its reach.
function withoutKeys(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(ANTHROPIC|CLAUDE)_/.test(name)))
}
