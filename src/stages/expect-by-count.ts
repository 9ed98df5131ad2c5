import type { Used } from '../base/tokens.ts'
import type { Call } from '../engine/call.ts'
import type { CountTokens } from './count-tokens.ts'

/** Who counts, and what does where nobody can. */
export interface CountedOptions {
  readonly bySize: (call: Call) => Used
  readonly count: CountTokens
  /** A call was guessed by its size after all: its body was too long, the upstream said nothing, or took too long. */
  fellBack(): void
}

/** What a call is expected to use, its input as its upstream counts it. */
export function expectByCount(options: CountedOptions): (call: Call) => Used | Promise<Used> {
  const { bySize, count } = options
  return (call) => {
    const guess = bySize(call)
    if (call.asked !== null && call.asked.body !== null) return counted(call, guess)
    options.fellBack()
    return guess
  }

  async function counted(call: Call, guess: Used): Promise<Used> {
    const input = await count(call)
    if (input !== null) return { ...guess, input }
    options.fellBack()
    return guess
  }
}
