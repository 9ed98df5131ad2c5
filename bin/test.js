// `npm test`: installs what is missing, then every check and every test. `npm test -- FILE…` runs just these test files.
import { conclude, runChecks } from './checks.js'
import { setUp } from './setup.js'
import { runTests } from './tests.js'
import { needTools } from './tools.js'

const files = process.argv.slice(2)

setUp({ tests: true })
needTools()
conclude(...(files.length === 0 ? [runChecks()] : []), await runTests(files))
