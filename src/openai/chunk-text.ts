import type { Json } from './fields.ts'
import type { FinishReason } from './finish.ts'

/** What all chunks of a stream have in common. */
export interface ChunkHead {
  readonly id: string
  readonly model: unknown
  readonly created: number
  /** Whether every chunk tells usage: null in all but the last. */
  readonly includesUsage: boolean
}

/** The chunks of one stream as text: what does not change is written once. */
export interface ChunkTexts {
  /** A piece of the answer's text. */
  content(text: string): string
  /** Any other part of a message. */
  delta(delta: Json): string
  finish(reason: FinishReason, tier: string | null): string
  usage(usage: Json): string
}

/** Makes the texts of a stream's chunks. */
export function chunkTexts({ id, model, created, includesUsage }: ChunkHead): ChunkTexts {
  const fields = { id, object: 'chat.completion.chunk', created, model, system_fingerprint: null }
  const common = JSON.stringify(fields).slice(0, -1)
  const start = `data: ${common},"choices":[{"index":0,"delta":`
  const tail = includesUsage ? '],"usage":null' : ']'
  const end = `,"logprobs":null,"finish_reason":null}${tail}}\n\n`
  return {
    content: (text) => `${start}{"content":${JSON.stringify(text)}}${end}`,
    delta: (delta) => `${start}${JSON.stringify(delta)}${end}`,
    finish: (reason, tier) => {
      const served = tier === null ? '' : `,"service_tier":${JSON.stringify(tier)}`
      return `${start}{},"logprobs":null,"finish_reason":"${reason}"}${tail}${served}}\n\n`
    },
    usage: (usage) => `data: ${common},"choices":[],"usage":${JSON.stringify(usage)}}\n\n`,
  }
}
