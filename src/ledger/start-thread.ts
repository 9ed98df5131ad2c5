import { Worker } from 'node:worker_threads'
import { ConfigError } from '../base/errors.ts'
import type { FromLedgerThread, LedgerData } from './messages.ts'

/** Where the thread's code comes from: text in the binary, a file everywhere else. */
export type LedgerSource = { readonly code: string; readonly eval: true } | { readonly file: URL }

export interface StartOptions {
  readonly data: LedgerData
  /** ms until it has to serve. */
  readonly timeoutMs: number
  readonly heard: (message: FromLedgerThread) => void
  /** It has ended, whether it ever served or not. */
  readonly ended: (thread: Worker, why: unknown) => void
}

/** Starts the ledger's thread and waits until it serves; what keeps it from that is thrown, a ConfigError when it is the file. */
export async function startThread(source: LedgerSource, { data, timeoutMs, heard, ended }: StartOptions): Promise<Worker> {
  const thread = newThread(source, data)
  const ready = Promise.withResolvers<void>()
  let failure: unknown = null
  // Only the ledger's own code posts on this port.
  thread.on('message', (message: FromLedgerThread) => {
    if (message.is === 'ready') ready.resolve()
    else if (message.is === 'failed') ready.reject(new ConfigError(message.problems))
    else heard(message)
  })
  thread.on('error', (error: unknown) => (failure = error))
  thread.on('exit', (code) => {
    ready.reject(failure === null ? new Error(`the ledger's thread exited with ${code}`) : failed(failure))
    ended(thread, failure ?? `it exited with ${code}`)
  })
  const timer = setTimeout(() => ready.reject(new Error("the ledger's thread did not start in time")), timeoutMs)
  try {
    await ready.promise
    return thread
  } catch (error) {
    await thread.terminate()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function failed(cause: unknown): Error {
  return new Error(`the ledger's thread failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
}

function newThread(source: LedgerSource, workerData: LedgerData): Worker {
  const options = { workerData, name: 'relay-ledger' }
  return 'file' in source ? new Worker(source.file, options) : new Worker(source.code, { ...options, eval: true })
}
