import type { ExchangeBase } from '../engine/exchange-base.ts'
import type { Server } from '../engine/server.ts'
import { isStream as lasts } from '../stages/event-stream.ts'

/** How many were cut, and of which sort. */
export interface Cut {
  readonly calls: number
  readonly streams: number
}

/** Times in ms. */
export interface DrainOptions {
  readonly grace: number
  readonly streamGrace: number
  /** Aborted: cut everything now. */
  readonly hurry: AbortSignal
}

/** Waits for what is under way: calls for `grace`, streams for `streamGrace`; the rest is cut, and told so. Resolves when no connection is left. */
export async function drain(server: Server, { grace, streamGrace, hurry }: DrainOptions): Promise<Cut> {
  server.closeIdle()
  let calls = 0
  let streams = 0
  const cutCalls = (): void => {
    calls += server.cut((exchange) => !isStream(exchange))
  }
  const cutAll = (): void => {
    cutCalls()
    streams += server.cut(isStream)
    setTimeout(() => server.destroy(), lastWordsMs).unref()
  }
  if (hurry.aborted) cutAll()
  const timers = [setTimeout(cutCalls, grace), setTimeout(cutAll, Math.max(grace, streamGrace))]
  hurry.addEventListener('abort', cutAll)
  await server.empty()
  hurry.removeEventListener('abort', cutAll)
  for (const timer of timers) clearTimeout(timer)
  return { calls, streams }
}

function isStream({ reply }: ExchangeBase): boolean {
  return reply !== null && lasts(reply)
}

/** What a peer gets to read the last words of a cut call before its connection is destroyed. */
const lastWordsMs = 1000
