// Starts on a ledger with open intents and is killed before one of its commits: `at` says before which.
import { DatabaseSync } from 'node:sqlite'
import { openLedger } from '../../src/ledger/open.ts'
import { ledgerStore } from '../../src/ledger/store.ts'

const [file = '', at = ''] = process.argv.slice(2)
const exec = Reflect.get(DatabaseSync.prototype, 'exec')
let commits = 0

const ledger = openLedger({ file, synchronous: 'NORMAL', waitMs: 1000 })
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  if (sql === 'COMMIT' && ++commits === Number(at)) process.kill(process.pid, 'SIGKILL')
  exec.call(this, sql)
}
const store = ledgerStore(ledger.db)
while (store.settleLost([]).calls > 0);
