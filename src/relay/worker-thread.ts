import type { Socket } from 'node:net'
import { Worker, type Transferable, type WorkerOptions } from 'node:worker_threads'
import type { FromWorker, ToWorker } from '../control/messages.ts'
import type { WorkerSource } from './worker-source.ts'

/** One running worker thread: what control says to it, what it answers, and how it ended. */
export interface WorkerThread {
  readonly index: number
  /** Waits for one of the answers that `wanted` accepts; a thread that ends or says nothing in time is an answer too. */
  ask(message: ToWorker | null, wanted: (answer: FromWorker) => boolean, timeoutMs: number): Promise<Answer>
  /** `transfer`: what of the message moves to the thread. */
  tell(message: ToWorker, transfer?: readonly Transferable[]): void
  /** Hands a connected socket over; one that the thread cannot take any more is closed. */
  hand(listener: number, socket: Socket): void
  terminate(): Promise<void>
  readonly exited: Promise<Exit>
}

export type Answer =
  | { readonly is: 'said'; readonly answer: FromWorker }
  | { readonly is: 'gone'; readonly why: string }
  | { readonly is: 'silent' }

/** How a thread ended: by an exception, its heap's limit, or an exit of its own. */
export interface Exit {
  readonly code: number
  readonly error: Error | null
}

export interface ThreadOptions {
  readonly index: number
  readonly source: WorkerSource
  readonly workerData: unknown
  /** What of `workerData` moves to the thread. */
  readonly transfer?: readonly Transferable[]
  readonly onQuestion?: (thread: WorkerThread, question: Extract<FromWorker, { is: 'question' }>) => void
  readonly heapMb: number
}

/** Starts a thread; its `ready` is awaited with `ask(null, …)`. */
export function workerThread(options: ThreadOptions): WorkerThread {
  const worker = start(options)
  const asked = new Set<Asked>()
  let failure: Error | null = null
  worker.on('error', (error: unknown) => (failure = error instanceof Error ? error : new Error(String(error))))
  worker.on('messageerror', (error) => (failure ??= error))
  // Only relay's own worker code posts on this port, so its messages have the shape that the contract says.
  worker.on('message', (message: FromWorker) => {
    if (message.is === 'question') options.onQuestion?.(thread, message)
    else for (const question of [...asked]) question.heard(message)
  })
  const exited = new Promise<Exit>((resolve) => worker.once('exit', (code) => resolve({ code, error: failure })))
  let ended: Exit | null = null
  void exited.then((exit) => {
    ended = exit
    for (const question of [...asked]) question.ended(exit)
  })
  const thread: WorkerThread = {
    index: options.index,
    exited,
    tell: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    ask: async (message, wanted, timeoutMs) => {
      if (ended !== null) return { is: 'gone', why: exitText(ended) }
      if (message !== null) worker.postMessage(message)
      return hear(asked, wanted, timeoutMs)
    },
    hand: (listener, socket) => hand(worker, listener, socket),
    terminate: async () => void (await worker.terminate()),
  }
  return thread
}

/** A question that waits for its answer. */
interface Asked {
  readonly heard: (answer: FromWorker) => void
  readonly ended: (exit: Exit) => void
}

/**
 * MB for young objects, in place of V8's 48: calls leave hardly anything behind, so a small space costs 1% more CPU on collections and
 * keeps the memory of a worker that many streams have opened at once some 15 MB lower.
 */
const youngMb = 16

function start({ source, workerData, transfer = [], heapMb, index }: ThreadOptions): Worker {
  const options: WorkerOptions = {
    workerData,
    transferList: [...transfer],
    name: `relay-${index}`,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngMb },
  }
  return 'file' in source ? new Worker(source.file, options) : new Worker(source.code, { ...options, eval: true })
}

async function hear(asked: Set<Asked>, wanted: (answer: FromWorker) => boolean, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const done = (answer: Answer) => {
      asked.delete(question)
      clearTimeout(timer)
      resolve(answer)
    }
    const question: Asked = {
      heard: (answer) => {
        if (wanted(answer)) done({ is: 'said', answer })
      },
      ended: (exit) => done({ is: 'gone', why: exitText(exit) }),
    }
    const timer = setTimeout(() => done({ is: 'silent' }), timeoutMs)
    asked.add(question)
  })
}

/** Why a thread ended, in words for a log line. */
export function exitText({ code, error }: Exit): string {
  if (error === null) return `it exited with ${code}`
  const limit = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return limit ? 'it reached its heap limit' : error.message
}

function hand(worker: Worker, listener: number, socket: Socket): void {
  try {
    worker.postMessage({ is: 'socket', listener, socket }, [socket])
  } catch {
    // The caller reset the connection before it was handed over: there is nothing left to serve.
  }
  // A post to a thread that has ended is dropped without a word, and its socket stays here.
  if (!socket.destroyed) socket.destroy()
}
