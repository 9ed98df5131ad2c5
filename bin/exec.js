// Runs a tool of the project, set up first: `node bin/exec.js oxfmt`, `node bin/exec.js node test/perf/run.ts`.
import { foreground, root, toolEnv } from './run.js'
import { setUp } from './setup.js'

const [tool, ...args] = process.argv.slice(2)
setUp()
foreground(tool, args, { cwd: root, env: toolEnv() })
