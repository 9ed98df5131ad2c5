// The ledger's thread, which dies when a file beside the ledger says so: after it has committed rows, and before it can say so.
import { existsSync, rmSync } from 'node:fs'
import { MessagePort, workerData } from 'node:worker_threads'
import type { LedgerData } from '../../src/ledger/messages.ts'

// Only the tests' host starts this file, with the data of the thread itself.
const { options } = workerData as LedgerData
const sign = `${options.file}.die`
const post = Reflect.get(MessagePort.prototype, 'postMessage') as unknown as (this: MessagePort, ...message: unknown[]) => void

MessagePort.prototype.postMessage = function (this: MessagePort, message: { readonly is: string }, ...rest: unknown[]) {
  if (message.is === 'committed' && existsSync(sign)) {
    rmSync(sign)
    process.exit(1)
  }
  post.call(this, message, ...rest)
}

await import('../../src/ledger/thread.ts')
