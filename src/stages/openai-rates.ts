import { fieldLine, fieldName, type FieldName } from '../protocol/edits.ts'
import type { Head } from '../protocol/head.ts'

/** Lines that tell of rates as OpenAI does, from those that tell of them as Claude does; `now` is the wall clock in ms. */
export function rateLines(head: Head, now: number): readonly Buffer[] {
  const lines: Buffer[] = []
  for (let k = 0; k < head.count; k++) {
    const name = head.name(k)
    if (!name.startsWith(prefix)) continue
    const told = names.get(name.slice(prefix.length))
    if (told === undefined) continue
    const value = told.isTime ? wait(head.value(k), now) : head.value(k)
    if (value !== null) lines.push(fieldLine(told.name, value))
  }
  return lines
}

/** A time of day as so long from now; null where it is none. */
function wait(time: string, now: number): string | null {
  const ms = Date.parse(time) - now
  return Number.isNaN(ms) ? null : `${Math.max(0, Math.ceil(ms / 1000))}s`
}

const prefix = 'anthropic-ratelimit-'
const names: ReadonlyMap<string, { readonly name: FieldName; readonly isTime: boolean }> = new Map(
  ['requests', 'tokens'].flatMap((what) =>
    ['limit', 'remaining', 'reset'].map((figure) => {
      const name = fieldName(`x-ratelimit-${figure}-${what}`)
      return [`${what}-${figure}`, { name, isTime: figure === 'reset' }]
    }),
  ),
)
