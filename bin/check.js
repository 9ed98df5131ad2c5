// `npm run check`: types, lint, format, unused code, and the layers.
import { conclude, runChecks } from './checks.js'
import { setUp } from './setup.js'
import { runTests } from './tests.js'

setUp({ tests: true })
conclude(runChecks(), await runTests(['test/layers.test.ts']))
