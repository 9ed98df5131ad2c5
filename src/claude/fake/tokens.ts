import { isRecord } from '../usage-fields.ts'
import type { MessagesRequest } from './request.ts'

/** The input of a request as the fake counts it: tokens are bytes / 4. */
export interface InputTokens {
  readonly all: number
  /** Written to the cache, by how long it lives there. */
  readonly write5m: number
  readonly write1h: number
}

type Lifetime = '5m' | '1h'

/** Counts bytes as tokens. */
export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / 4)
}

/**
 * Counts a request's input. What stands before a `cache_control`, in the order tools, system, messages, is written to the cache for as
 * long as that block says; what stands behind the last one is plain input.
 */
export function inputTokens(request: MessagesRequest): InputTokens {
  const written: Record<Lifetime, number> = { '5m': 0, '1h': 0 }
  let all = 0
  let since = 0
  for (const block of blocksOf(request)) {
    const tokens = tokensOf(Buffer.byteLength(typeof block === 'string' ? block : JSON.stringify(block)))
    all += tokens
    since += tokens
    const lifetime = cacheLifetime(block)
    if (lifetime === null) continue
    written[lifetime] += since
    since = 0
  }
  return { all, write5m: written['5m'], write1h: written['1h'] }
}

function blocksOf({ tools, system, messages }: MessagesRequest): readonly unknown[] {
  const systemBlocks: readonly unknown[] = Array.isArray(system) ? system : system === undefined ? [] : [system]
  return [
    ...tools,
    ...systemBlocks,
    ...messages.flatMap(({ content }): readonly unknown[] => (typeof content === 'string' ? [content] : content)),
  ]
}

function cacheLifetime(block: unknown): Lifetime | null {
  if (!isRecord(block) || !isRecord(block['cache_control'])) return null
  return block['cache_control']['ttl'] === '1h' ? '1h' : '5m'
}
