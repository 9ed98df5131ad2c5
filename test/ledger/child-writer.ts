// A relay's ledger without the relay: writes rows or intents and says of each what it has done, until it is killed.
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ledgerHost } from '../../src/ledger/host.ts'
import { ledgerWriter } from '../../src/ledger/writer.ts'
import { intent, keptLog, optionsFor, row } from './rows.ts'

const [file = '', mode = ''] = process.argv.slice(2)
const source = { file: new URL('../../src/ledger/thread.ts', import.meta.url) }
const host = await ledgerHost({ source, options: optionsFor(file), log: keptLog(), onPort: () => undefined })
const writer = ledgerWriter(host.joined(0), { flushMs: 200, queue: 10_000, intentMs: 60_000 })

if (mode === 'rows') {
  for (let at = 0; ; at++) {
    writer.write(row(`call-${at}`))
    writeSync(1, `call-${at} ${Date.now()}\n`)
    await sleep(2)
  }
}
// A third of the calls ends, and its row may be committed or not when the kill comes.
for (let turn = 0; turn < 15; turn++) {
  const ids = Array.from({ length: 100 }, (_, at) => `${turn}-${at}`)
  await Promise.all(ids.map((id) => writer.intend(intent(id))))
  ids.filter((_, at) => at % 3 === 0).forEach((id) => writer.write(row(id)))
  writeSync(1, ids.map((id) => `${id} 0\n`).join(''))
}
setInterval(() => undefined, 60_000)
