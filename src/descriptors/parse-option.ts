import { type Draft, type OptionOwner, type OptionPart, type OptionValue, ProtoError } from './draft.ts'
import { refuse, type Tokens, wholeNumber } from './tokens.ts'
import type { Token } from './words.ts'

/** What is being read. */
export interface Parsing {
  readonly tokens: Tokens
  readonly draft: Draft
}

/** `option name = value;`, the word `option` read already. */
export function optionLine(owner: OptionOwner, parsing: Parsing): void {
  assignment(owner, parsing)
  parsing.tokens.expect(';')
}

/** `[name = value, …]` where it stands; `own` takes an option that is none of the descriptor's options, such as `default`. */
export function optionList(owner: OptionOwner, parsing: Parsing, own: OwnOption = () => false): void {
  const { tokens } = parsing
  if (!tokens.skip('[')) return
  do assignment(owner, parsing, own)
  while (tokens.skip(','))
  tokens.expect(']')
}

/** Takes an option for itself; false: it is an option like all others. */
export type OwnOption = (name: string, value: OptionValue, token: Token) => boolean

function assignment(owner: OptionOwner, { tokens, draft }: Parsing, own: OwnOption = () => false): void {
  const first = tokens.peek()
  const name = [optionPart(tokens)]
  while (tokens.skip('.')) name.push(optionPart(tokens))
  tokens.expect('=')
  const token = tokens.peek()
  const value = optionValue(tokens, 0)
  const isOwn = name.length === 1 && name[0]?.isExtension === false && own(name[0].text, value, token)
  if (!isOwn) draft.options.push({ owner, name, value, at: first.at })
}

function optionPart(tokens: Tokens): OptionPart {
  if (!tokens.skip('(')) return { text: tokens.name('the name of an option').text, isExtension: false }
  const text = tokens.fullName('the name of an option')
  tokens.expect(')')
  return { text, isExtension: true }
}

const deepest = 32

function optionValue(tokens: Tokens, depth: number): OptionValue {
  const token = tokens.peek()
  if (depth > deepest) throw new ProtoError(token.at, `an option is more than ${deepest} levels deep`, 'make it flatter')
  if (tokens.skip('{')) return messageValue(tokens, '}', depth)
  if (tokens.skip('<')) return messageValue(tokens, '>', depth)
  if (tokens.skip('[')) return listValue(tokens, depth)
  return scalarValue(tokens)
}

function scalarValue(tokens: Tokens): OptionValue {
  if (tokens.peek().is === 'string') return { is: 'string', bytes: tokens.string('a string') }
  const minus = tokens.skip('-')
  if (!minus) tokens.skip('+')
  const token = tokens.next()
  if (token.is === 'integer') return { is: 'integer', value: (minus ? -1n : 1n) * wholeNumber(token) }
  if (token.is === 'float') return { is: 'float', value: (minus ? -1 : 1) * Number(token.text) }
  if (minus && token.text === 'inf') return { is: 'float', value: -Infinity }
  if (minus && token.text === 'nan') return { is: 'float', value: NaN }
  return token.is === 'name' && !minus ? { is: 'name', text: token.text } : refuse(token, 'a value')
}

function messageValue(tokens: Tokens, end: string, depth: number): OptionValue {
  const fields: (readonly [OptionPart, OptionValue])[] = []
  while (!tokens.skip(end)) {
    const part = fieldPart(tokens)
    const hasColon = tokens.skip(':')
    const token = tokens.peek()
    if (!hasColon && !['{', '<', '['].includes(token.text)) refuse(token, "':'")
    fields.push([part, optionValue(tokens, depth + 1)])
    if (!tokens.skip(',')) tokens.skip(';')
  }
  return { is: 'message', fields }
}

function fieldPart(tokens: Tokens): OptionPart {
  if (!tokens.skip('[')) return { text: tokens.name('the name of a field').text, isExtension: false }
  const text = tokens.fullName('the name of an extension')
  const token = tokens.peek()
  if (token.text === '/')
    throw new ProtoError(token.at, 'an Any cannot be written out in an option', 'leave it out: relay does not need it')
  tokens.expect(']')
  return { text, isExtension: true }
}

function listValue(tokens: Tokens, depth: number): OptionValue {
  const values: OptionValue[] = []
  if (tokens.skip(']')) return { is: 'list', values }
  do values.push(optionValue(tokens, depth + 1))
  while (tokens.skip(','))
  tokens.expect(']')
  return { is: 'list', values }
}
