import { latin1 } from './bytes.ts'

/** The names of fields to find, made once. */
export class TopNames {
  readonly texts: readonly string[]
  private readonly bytes: readonly Buffer[]

  constructor(...texts: readonly string[]) {
    this.texts = texts
    this.bytes = texts.map((text) => Buffer.from(text))
  }

  /** `indexOf` for a key without escapes, in its bytes. */
  find(bytes: Buffer, from: number, to: number): number {
    for (let k = 0; k < this.bytes.length; k++) {
      const name = this.bytes[k]!
      if (name.length !== to - from) continue
      let i = 0
      while (i < name.length && bytes[from + i] === name[i]) i++
      if (i === name.length) return k
      if (latin1(bytes, from, to).toLowerCase() === this.texts[k]) return k + otherCase
    }
    return none
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
