import { BroadcastChannel, workerData } from 'node:worker_threads'

/** The real worker, with a bomb that the test sets off: an exception out of nowhere, or all of its heap. */
const { index } = workerData as { readonly index: number }
const bomb = new BroadcastChannel('bomb')

bomb.onmessage = ({ data }) => {
  const { worker, how } = data as { readonly worker: number; readonly how: string | undefined }
  if (worker !== index) return
  if (how === 'heap') eat()
  setImmediate(() => {
    throw new Error('a bug, for once on purpose')
  })
}
bomb.unref()
await import('../../src/worker/main.ts')

function eat(): void {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })))
}
