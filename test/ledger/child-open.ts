// Opens a ledger and says how that went: for the tests of two relays on one file.
import { openLedger } from '../../src/ledger/open.ts'

try {
  openLedger({ file: process.argv[2] ?? '', synchronous: 'NORMAL', waitMs: 50 }).close()
  process.stdout.write('opened\n')
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : 'failed'}\n`)
}
