import { workerSource } from '../relay/worker-source.ts'
import { processIo } from './io.ts'
import { run } from './run.ts'

process.exit(await run(process.argv.slice(2), { io: processIo(), worker: workerSource() }))
