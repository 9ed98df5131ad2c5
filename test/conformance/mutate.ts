/** Chance that can be had again: mulberry32. */
export interface Chance {
  /** A whole number below a bound. */
  below(bound: number): number
  pick<T>(list: readonly T[]): T
}

/** Chance from a seed. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (bound: number): number => next() % bound
  return { below, pick: (list) => list[below(list.length)]! }
}

/** The seed of a run: today's, or the one that `RELAY_SEED` names to have a run again. */
export function seedOfRun(): number {
  const named = process.env['RELAY_SEED']
  return named === undefined ? Date.now() >>> 0 : Number(named) >>> 0
}

/** A message with one to three changes. */
export function mutated(raw: string, chance: Chance): string {
  let text = raw
  for (let left = 1 + chance.below(3); left > 0; left--) text = chance.pick(mutations)(text, chance)
  return text
}

/** A text in one to three pieces. */
export function inPieces(text: string, chance: Chance): readonly string[] {
  const cuts = Array.from({ length: chance.below(3) }, () => chance.below(text.length + 1)).sort((a, b) => a - b)
  return [0, ...cuts].map((from, k) => text.slice(from, cuts[k])).filter((piece) => piece !== '')
}

type Mutation = (text: string, chance: Chance) => string

const telling = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '\x7f',
  '\x80',
  '_',
  '-',
  '0',
  '5',
  'f',
  '%2e',
  '..',
  '/',
  '@',
  '#',
  '[',
  '1.0',
  '2.0',
]
const lines = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length : 5',
  'content_length: 9',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding:\x0bchunked',
  'Connection: close',
  'Connection: keep-alive, x-rule',
  'Connection: content-length',
  'Host: other',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'TE: trailers',
  ' folded',
  '0',
  '5',
  '',
  'GET /evil HTTP/1.1',
]

function at(text: string, chance: Chance): number {
  return chance.below(text.length + 1)
}

function lineStart(text: string, chance: Chance): number {
  const end = text.lastIndexOf('\r\n', at(text, chance))
  return end < 0 ? 0 : end + 2
}

function spliced(text: string, from: number, count: number, instead: string): string {
  return text.slice(0, from) + instead + text.slice(from + count)
}

const mutations: readonly Mutation[] = [
  (text, chance) => {
    const from = chance.below(Math.max(1, text.length))
    return spliced(text, from, 1, String.fromCharCode((text.charCodeAt(from) || 0) ^ (1 << chance.below(8))))
  },
  (text, chance) => spliced(text, at(text, chance), 0, chance.pick(telling)),
  (text, chance) => spliced(text, at(text, chance), 1, chance.pick(telling)),
  (text, chance) => spliced(text, at(text, chance), 0, String.fromCharCode(chance.below(256))),
  (text, chance) => spliced(text, at(text, chance), 1 + chance.below(4), ''),
  (text, chance) => spliced(text, lineStart(text, chance), 0, `${chance.pick(lines)}\r\n`),
  // A line twice.
  (text, chance) => {
    const from = lineStart(text, chance)
    const end = text.indexOf('\r\n', from)
    return end < 0 ? text : spliced(text, from, 0, text.slice(from, end + 2))
  },
  // One line less.
  (text, chance) => {
    const from = lineStart(text, chance)
    const end = text.indexOf('\r\n', from)
    return end < 0 ? text : spliced(text, from, end + 2 - from, '')
  },
  // An end of line that is another one, or none.
  (text, chance) => {
    const from = text.indexOf('\r\n', at(text, chance))
    return from < 0 ? text : spliced(text, from, 2, chance.pick(['\n', '\r', '\n\r', '\r\r\n', '\r\n ', '', '\r\n\r\n']))
  },
  (text, chance) => text.replaceAll(chance.pick(['\r', '\n']), ''),
  // Cut off, and gone on with from somewhere.
  (text, chance) => text.slice(0, at(text, chance)) + text.slice(at(text, chance)),
  (text, chance) => text.slice(0, at(text, chance)),
  (text) => text + text,
  // A digit that is another one.
  (text, chance) => {
    const digits = [...text.matchAll(/[0-9]/g)]
    return digits.length === 0 ? text : spliced(text, chance.pick(digits).index, 1, String(chance.below(10)))
  },
  // A word in other letters.
  (text, chance) => {
    const words = [...text.matchAll(/[A-Za-z-]{3,}/g)]
    if (words.length === 0) return text
    const word = chance.pick(words)
    return spliced(
      text,
      word.index,
      word[0].length,
      chance.pick([word[0].toUpperCase(), word[0].toLowerCase(), word[0].replaceAll('-', '_')]),
    )
  },
]
