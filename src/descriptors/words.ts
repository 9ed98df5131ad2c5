import { type At, ProtoError } from './draft.ts'

type Kind = 'name' | 'integer' | 'float' | 'string' | 'symbol' | 'end'

/** A word of a .proto file. */
export interface Token {
  readonly is: Kind
  readonly text: string
  readonly at: At
}

const space = /(?:[ \t\r\n\f\v]+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y
const word =
  /([A-Za-z_]\w*)|(0[xX][0-9A-Fa-f]+|(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)|("(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')|([^\s"'/\w])/y

/** Cuts a text into words, one a call, and at its end for ever the end; what is no word is a ProtoError. */
export function wordsOf(text: string): () => Token {
  const lines = lineStarts(text)
  let offset = text.startsWith('\ufeff') ? 1 : 0
  return () => {
    space.lastIndex = offset
    offset += space.exec(text)?.[0].length ?? 0
    const at = placeOf(lines, offset)
    if (offset >= text.length) return { is: 'end', text: 'the end of the file', at }
    word.lastIndex = offset
    const [found = '', letters, number, string] = word.exec(text) ?? []
    if (found === '') throw broken(text.slice(offset), at)
    offset += found.length
    if (letters !== undefined) return { is: 'name', text: found, at }
    if (number !== undefined) return { is: /^0[xX]|^[0-9]+$/.test(number) ? 'integer' : 'float', text: found, at }
    return { is: string === undefined ? 'symbol' : 'string', text: found, at }
  }
}

function broken(rest: string, at: At): ProtoError {
  if (rest.startsWith('/*')) return new ProtoError(at, 'the comment has no end', 'close it: */')
  if (/^["']/.test(rest)) return new ProtoError(at, 'the string has no end', 'close it on the same line')
  return new ProtoError(at, `'${rest.slice(0, 1)}' belongs to nothing`, 'correct the syntax here')
}

function lineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function placeOf(starts: readonly number[], offset: number): At {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
}
