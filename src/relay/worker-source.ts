import { getAsset, isSea } from 'node:sea'

/** Where a thread's code comes from: text for `new Worker(code, { eval: true })` in the binary, a file everywhere else. */
export type WorkerSource = { readonly code: string; readonly eval: true } | { readonly file: URL }

/** Finds the worker: an asset of the binary, the bundle beside the main bundle, or the source itself in development. */
export function workerSource(): WorkerSource {
  if (isSea()) return { code: getAsset('worker', 'utf8'), eval: true }
  const isBundle = !import.meta.url.endsWith('.ts')
  return { file: new URL(isBundle ? './worker.cjs' : '../worker/main.ts', import.meta.url) }
}

/** Finds the code of the ledger's thread, in the same places. */
export function ledgerSource(): WorkerSource {
  if (isSea()) return { code: getAsset('ledger', 'utf8'), eval: true }
  const isBundle = !import.meta.url.endsWith('.ts')
  return { file: new URL(isBundle ? './ledger.cjs' : '../ledger/thread.ts', import.meta.url) }
}
