import { FrameType, endHeaders, endStream, frame, padded, withPriority } from '../helpers/h2-frames.ts'
import { huffmanEncode, huffmanLength } from '../protocol/huffman-encode.ts'
import type { Field } from './h2-case.ts'
import type { Chance } from './mutate.ts'

/** A request as chance has it: what it says, and frames of stream 1 that say so in one of many ways. */
export interface RandomRequest {
  readonly fields: readonly Field[]
  readonly body: string
  readonly trailers: readonly Field[]
  readonly frames: readonly Buffer[]
}

const evilCall = 'GET /evil HTTP/1.1\r\nHost: h\r\n\r\n'
const methods = ['GET', 'POST', 'PUT', 'OPTIONS', 'HEAD', 'X-OWN', 'GET /evil', 'GET /evil HTTP/1.1\r\nhost: h\r\n\r\nGET', 'post', '']
const paths = [
  '/a',
  '/a?b=c',
  '/',
  '*',
  '/a HTTP/1.1',
  `/a HTTP/1.1\r\nhost: h\r\n\r\n${evilCall}`,
  'http://evil/',
  'evil',
  '',
  '/%2e%2e/',
  '/a#b',
]
const hosts = ['h', 'h:80', 'H', 'evil', 'u@h', 'h\r\nx: y', 'h h', '', 'h/']
const names = [
  'a',
  'x-b',
  'cookie',
  'te',
  'host',
  'content-length',
  'content_length',
  'transfer-encoding',
  'connection',
  'expect',
  'x_y',
  'A',
  'upgrade',
  'x-b\r\nevil',
  'a: b\r\n\r\nGET /evil HTTP/1.1\r\nhost',
  'trailer',
  'transfer-encoding ',
  ':evil',
  '',
  'proxy-connection',
  'content-length:',
]
const values = [
  'b',
  '',
  'b c',
  'trailers',
  '5',
  '0',
  'chunked',
  'close',
  'b\r\nevil: x',
  `b\r\n\r\n${evilCall}`,
  ' b',
  'b\t',
  'b\0',
  'caf\xe9',
  '100-continue',
  'identity',
  'gzip, chunked',
  'b\n',
  '\rb',
]
const bodies = ['abc', '', evilCall, `0\r\n\r\n${evilCall}`, '\r\n', '5\r\nhello\r\n0\r\n\r\n']

/** Makes one: mostly of what is allowed, with something here and there that is not. */
export function randomRequest(chance: Chance): RandomRequest {
  const mostly = <T>(list: readonly T[]): T => (chance.below(12) > 0 ? list[chance.below(2)]! : chance.pick(list))
  const pieces = chance.below(2) === 0 ? [] : Array.from({ length: 1 + chance.below(3) }, () => chance.pick(bodies))
  const body = pieces.join('')
  const trailers = pieces.length > 0 && chance.below(4) === 0 ? randomFields(chance, 1 + chance.below(2)) : []
  const pseudo: Field[] = [
    [':method', mostly(pieces.length > 0 ? ['POST', ...methods] : methods)],
    [':scheme', chance.below(20) > 0 ? 'http' : chance.pick(['https', '', 'x y', 'ftp'])],
    [':path', mostly(paths)],
    [':authority', chance.below(12) > 0 ? 'h' : chance.pick(hosts)],
  ]
  const fields = [...pseudo, ...randomFields(chance, chance.below(4))]
  if (chance.below(3) === 0) fields.push(['content-length', `${body.length + (chance.below(4) === 0 ? chance.below(7) - 3 : 0)}`])
  if (chance.below(20) === 0) fields.push(chance.pick(fields))
  if (chance.below(20) === 0) fields.splice(chance.below(fields.length), 1)
  if (chance.below(20) === 0) fields.unshift(fields.pop()!)
  return { fields, body, trailers, frames: framesOf(chance, fields, pieces, trailers) }
}

function randomFields(chance: Chance, count: number): Field[] {
  const pick = (list: readonly string[]): string => {
    const text = chance.below(3) > 0 ? list[chance.below(3)]! : chance.pick(list)
    if (chance.below(12) > 0) return text
    const at = chance.below(text.length + 1)
    return text.slice(0, at) + String.fromCharCode(chance.below(256)) + text.slice(at)
  }
  return Array.from({ length: count }, () => [pick(names), pick(values)])
}

function framesOf(chance: Chance, fields: readonly Field[], pieces: readonly string[], trailers: readonly Field[]): Buffer[] {
  const hasTrailers = trailers.length > 0
  const head = blockFrames(chance, fields, pieces.length === 0 && !hasTrailers)
  const data = pieces.map((piece, k) => dataFrame(chance, piece, k === pieces.length - 1 && !hasTrailers))
  return [...head, ...data, ...(hasTrailers ? blockFrames(chance, trailers, true) : [])]
}

function dataFrame(chance: Chance, piece: string, isEnd: boolean): Buffer {
  const bytes = Buffer.from(piece, 'latin1')
  const flags = isEnd ? endStream : 0
  if (chance.below(3) > 0) return frame(FrameType.data, flags, 1, bytes)
  const padding = chance.below(20)
  return frame(FrameType.data, flags | padded, 1, Buffer.concat([Buffer.from([padding]), bytes, Buffer.alloc(padding)]))
}

/** HEADERS, with or without padding and priority, and CONTINUATION frames where it is cut. */
function blockFrames(chance: Chance, fields: readonly Field[], isEnd: boolean): Buffer[] {
  const block = Buffer.concat(fields.map((field) => representation(chance, field)))
  const cuts = Array.from({ length: chance.below(4) }, () => chance.below(block.length + 1)).toSorted((a, b) => a - b)
  const pieces = [0, ...cuts].map((from, k) => block.subarray(from, cuts[k] ?? block.length))
  return pieces.map((piece, k) => {
    const flags = (k === pieces.length - 1 ? endHeaders : 0) | (k === 0 && isEnd ? endStream : 0)
    if (k > 0) return frame(FrameType.continuation, flags, 1, piece)
    const padding = chance.below(3) === 0 ? chance.below(20) : -1
    const priority = chance.below(4) === 0 ? Buffer.from([0, 0, 0, 0, 15]) : Buffer.alloc(0)
    const more = (padding < 0 ? 0 : padded) | (priority.length === 0 ? 0 : withPriority)
    const around = padding < 0 ? [priority, piece] : [Buffer.from([padding]), priority, piece, Buffer.alloc(padding)]
    return frame(FrameType.headers, flags | more, 1, Buffer.concat(around))
  })
}

/** A literal of any of the three kinds, its strings plain or Huffman-coded. */
function representation(chance: Chance, [name, value]: Field): Buffer {
  return Buffer.concat([Buffer.from([chance.pick([0x00, 0x10, 0x40])]), string(chance, name), string(chance, value)])
}

function string(chance: Chance, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (chance.below(2) === 0) return Buffer.concat([length(bytes.length, 0), bytes])
  const coded = Buffer.alloc(huffmanLength(bytes, 0, bytes.length))
  huffmanEncode(bytes, 0, bytes.length, coded, 0)
  return Buffer.concat([length(coded.length, 0x80), coded])
}

function length(value: number, flag: number): Buffer {
  if (value < 127) return Buffer.from([flag | value])
  const rest = value - 127
  return rest < 128 ? Buffer.from([flag | 127, rest]) : Buffer.from([flag | 127, 128 | (rest & 127), rest >> 7])
}
