import type { MessagePort } from 'node:worker_threads'
import type { Problem } from '../base/errors.ts'

/** What the ledger's thread is started with. */
export interface LedgerData {
  readonly options: LedgerOptions
  /** Owners of intents whose calls are under way: all others are lost. */
  readonly live: readonly string[]
}

/** How a ledger is kept; times are ms. */
export interface LedgerOptions {
  /** Whole path. */
  readonly file: string
  /** From a call's end to its commit, at most. */
  readonly flushMs: number
  readonly synchronous: 'NORMAL' | 'FULL'
  readonly keepRowsMs: number
  readonly keepDaysMs: number
  /** How long another relay that holds the file is waited for; 5 s unless told. */
  readonly lockMs?: number
  /** Between two looks for what is too old; ten minutes unless told. */
  readonly pruneMs?: number
}

/** What control tells the ledger's thread. */
export type ToLedgerThread =
  /** A worker's port; `owner` is the worker from its start to its end, by whichever port it speaks. */
  | { readonly is: 'join'; readonly owner: string; readonly port: MessagePort }
  /** An owner has ended whose port the thread never had. */
  | { readonly is: 'left'; readonly owner: string }
  | { readonly is: 'spent'; readonly ask: number; readonly keys: readonly string[] }
  | { readonly is: 'flush'; readonly ask: number }
  | { readonly is: 'ping'; readonly ask: number }
  /** Commits what it has and ends. */
  | { readonly is: 'close' }

/** What the thread says. */
export type FromLedgerThread =
  | { readonly is: 'ready' }
  /** The ledger cannot be opened; the thread ends. */
  | { readonly is: 'failed'; readonly problems: readonly Problem[] }
  /** So many calls went out and nobody knows how they ended: they became estimates. */
  | { readonly is: 'estimated'; readonly calls: number; readonly budgets: ReadonlyMap<string, number> }
  /** An owner has ended, and its open intents are estimates: it was told of them before. */
  | { readonly is: 'gone'; readonly owner: string }
  /** Rows that could not be written although the ledger can be: a bug. */
  | { readonly is: 'skipped'; readonly rows: number; readonly why: string }
  | { readonly is: 'state'; readonly canWrite: boolean; readonly why: string }
  | { readonly is: 'spent'; readonly ask: number; readonly amounts: readonly number[] }
  | { readonly is: 'flushed'; readonly ask: number }
  | { readonly is: 'pong'; readonly ask: number }
