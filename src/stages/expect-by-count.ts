import type { Used } from '../base/tokens.ts'
import type { Call } from '../engine/call.ts'
import type { CountTokens } from './count-tokens.ts'
import type { Expect } from './limit-options.ts'

/** Who counts, and what does where nobody can. */
export interface CountedOptions {
  readonly bySize: (call: Call) => Used
  readonly count: CountTokens
  /** A call was guessed by its size after all: its body was too long, the upstream said nothing, or took too long. */
  fellBack(): void
}

/**
 * What a call is expected to use, its input as its upstream counts it. For a call that is about to be refused nobody is asked: else a
 * tenant beyond its limits would use up what its upstream lets all tenants count.
 */
export function expectByCount(options: CountedOptions): Expect {
  const { bySize, count } = options
  return (call, hasRoom) => {
    const guess = bySize(call)
    if (!hasRoom()) return guess
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
