import { ProtoError } from './draft.ts'
import type { Parsing } from './parse-option.ts'

/** Numbers from one to another, both included. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** `1, 4 to 8, 100 to max`. */
export function ranges({ least, most }: { readonly least: number; readonly most: number }, { tokens }: Parsing): readonly Range[] {
  const made: Range[] = []
  const number = (): number => {
    const { at } = tokens.peek()
    const value = tokens.integer('a number')
    if (value < BigInt(least) || value > BigInt(most)) throw new ProtoError(at, `${value} is out of range`, `use ${least} to ${most}`)
    return Number(value)
  }
  do {
    const { at } = tokens.peek()
    const start = number()
    const end = !tokens.skip('to') ? start : tokens.skip('max') ? most : number()
    if (end < start) throw new ProtoError(at, `the range ${start} to ${end} ends before it begins`, 'turn it round')
    made.push({ start, end })
  } while (tokens.skip(','))
  return made
}

/** `"foo", "bar"`, or in an edition `foo, bar`; empty where numbers stand. */
export function reservedNames({ tokens, draft }: Parsing): readonly string[] {
  const names: string[] = []
  const isWord = draft.syntax === 'editions' && tokens.peek().is === 'name'
  if (!isWord && tokens.peek().is !== 'string') return names
  do names.push(isWord ? tokens.name('a name').text : tokens.string('a name').toString())
  while (tokens.skip(','))
  return names
}
