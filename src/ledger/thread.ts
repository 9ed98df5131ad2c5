import { parentPort, workerData } from 'node:worker_threads'
import { ConfigError } from '../base/errors.ts'
import type { FromLedgerThread, LedgerData } from './messages.ts'
import { ledgerProblem, openLedger } from './open.ts'
import { LedgerService } from './service.ts'

// The ledger's thread, one a process: it alone writes the file, so that no worker ever waits for a disk. Control starts this file, and
// always with this data.
const { options, live } = workerData as LedgerData
const { file, synchronous, lockMs = 5000 } = options

if (parentPort !== null) {
  try {
    const ledger = openLedger({ file, synchronous, waitMs: lockMs })
    // It lives by its ports, until control tells it to close.
    void new LedgerService({ ledger, control: parentPort, options, live })
  } catch (error) {
    const problem = error instanceof ConfigError ? error : ledgerProblem(file, error)
    // Control hears of a bug as of one: by the thread's end.
    if (!(problem instanceof ConfigError)) throw problem
    const { problems } = problem
    parentPort.postMessage({ is: 'failed', problems } satisfies FromLedgerThread)
  }
}
