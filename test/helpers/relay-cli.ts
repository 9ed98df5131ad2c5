import { processIo } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'

/** relay's command line with the workers of the tests in the place of its own. */
const worker = { file: new URL('./fake-worker.ts', import.meta.url) }
process.exit(await run(process.argv.slice(2), { io: processIo(), worker }))
