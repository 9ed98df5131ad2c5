import { ProtoError } from './draft.ts'
import { unescaped } from './unescaped.ts'
import { type Token, wordsOf } from './words.ts'

/** The words of a .proto file, one after the other. */
export interface Tokens {
  peek(): Token
  next(): Token
  /** Takes the next word where it is this one. */
  skip(text: string): boolean
  /** The next word, which has to be this one. */
  expect(text: string): Token
  /** The next word, which has to be a name. */
  name(what: string): Token
  /** `a.b.C`, or `.a.b.C`. */
  fullName(what: string): string
  /** A whole number, with a minus where that is allowed. */
  integer(what: string): bigint
  /** One or more strings, put together. */
  string(what: string): Buffer
}

/** Cuts a text into words; what is no word is a ProtoError. */
export function tokensOf(text: string): Tokens {
  const read = wordsOf(text)
  let ahead: Token | null = null
  const peek = (): Token => (ahead ??= read())
  const next = (): Token => {
    const token = peek()
    ahead = null
    return token
  }
  const skip = (wanted: string): boolean => {
    const token = peek()
    const isIt = token.text === wanted && (token.is === 'symbol' || token.is === 'name')
    if (isIt) next()
    return isIt
  }
  const name = (what: string): Token => (peek().is === 'name' ? next() : refuse(peek(), what))
  return {
    peek,
    next,
    skip,
    expect(wanted) {
      const token = peek()
      return skip(wanted) ? token : refuse(token, `'${wanted}'`)
    },
    name,
    fullName(what) {
      let full = skip('.') ? '.' : ''
      do full += (full === '' || full === '.' ? '' : '.') + name(what).text
      while (skip('.'))
      return full
    },
    integer(what) {
      const minus = skip('-')
      const token = peek().is === 'integer' ? next() : refuse(peek(), what)
      return (minus ? -1n : 1n) * wholeNumber(token)
    },
    string(what) {
      const parts = [stringBytes(peek().is === 'string' ? next() : refuse(peek(), what))]
      while (peek().is === 'string') parts.push(stringBytes(next()))
      return Buffer.concat(parts)
    },
  }
}

/** Throws that a word is not the one that has to stand there. */
export function refuse(token: Token, wanted: string): never {
  const shown = token.is === 'end' || token.is === 'string' ? token.text : `'${token.text}'`
  throw new ProtoError(token.at, `expected ${wanted}, found ${shown.slice(0, 60)}`, 'correct the syntax here')
}

/** The number that a word says. */
export function wholeNumber({ text, at }: Token): bigint {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`)
  if (/^0[0-9]+$/.test(text)) throw new ProtoError(at, `'${text}' is not an octal number`, 'leave out the 0 before it')
  return BigInt(text)
}

function stringBytes({ text, at }: Token): Buffer {
  const bytes = unescaped(text.slice(1, -1))
  if (bytes === null) throw new ProtoError(at, 'the string holds an escape that is none', 'write \\n, \\t, \\x41, \\101, \\u0041 or \\\\')
  return bytes
}
