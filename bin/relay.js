#!/usr/bin/env node
// relay from a clone: the bundle where it is up to date, the sources where they are newer; on an older Node with the Node 26 of node_modules.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isFresh } from './fresh.js'
import { fail, foreground, node, root } from './run.js'

if (Number(process.versions.node.split('.')[0]) >= 26) {
  await import(isFresh() ? '../dist/relay.mjs' : '../src/cli/main.ts')
} else if (existsSync(node)) {
  foreground(node, [join(root, 'bin', 'relay.js'), ...process.argv.slice(2)])
} else {
  fail(`relay runs on Node 26 and this is ${process.version}: run \`npm ci\` in ${root}, then this again`)
}
