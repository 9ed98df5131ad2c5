import { backslash } from './json-bytes.ts'

/** The names of fields to find, made once. */
export class TopNames {
  readonly texts: readonly string[]
  /** A bit a length. */
  private readonly lengths: number

  constructor(...texts: readonly string[]) {
    this.texts = texts
    this.lengths = texts.reduce((lengths, text) => lengths | (1 << text.length), 0)
  }

  /** Whether a key between two offsets can be one of these at all: by its length, or because it is written with escapes. */
  mayBe(bytes: Buffer, from: number, to: number): boolean {
    if (((this.lengths >> (to - from)) & 1) === 1 && to - from < 32) return true
    for (let at = from; at < to; at++) if (bytes[at] === backslash) return true
    return false
  }

  /** The place of a key (as it is written, without its quotes) among the names, `otherCase` added where its case differs; -1: none of them. */
  indexOf(key: string): number {
    const name = key.includes('\\') ? unescaped(key) : key
    for (let k = 0; k < this.texts.length; k++) {
      const text = this.texts[k]!
      if (text.length !== name.length) continue
      if (text === name) return k
      if (name.toLowerCase() === text) return k + otherCase
    }
    return none
  }
}

/** No name. */
export const none = -1
/** Added to a name's place where a key is that name in another case. */
export const otherCase = 32
/** Bytes of a key or a value that are kept: a letter of a key takes at most six (`\uXXXX`). */
export const maxKept = 256

function unescaped(key: string): string {
  try {
    return String(JSON.parse(`"${key}"`))
  } catch {
    // No JSON: whoever takes it for a field takes it as it stands.
    return key
  }
}
