import { BroadcastChannel } from 'node:worker_threads'
import { processIo } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'

/** relay's command line with its own workers, of which SIGUSR2 ends the first, in the way that `HOW` says. */
const bomb = new BroadcastChannel('bomb')
bomb.unref()
process.on('SIGUSR2', () => bomb.postMessage({ worker: 0, how: process.env['HOW'] }))
const worker = { file: new URL('./mortal-worker.ts', import.meta.url) }
process.exit(await run(process.argv.slice(2), { io: processIo(), worker }))
