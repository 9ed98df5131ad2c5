import { HpackDecoder, type HpackDecoderOptions } from '../../src/protocol/hpack/decoder.ts'
import { type HpackEncoder, blockRoom } from '../../src/protocol/hpack/encoder.ts'
import { FieldLines } from '../../src/protocol/hpack/field-lines.ts'

export type Field = readonly [name: string, value: string]

/** A decoder with bounds that no test meets by chance. */
export function decoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({ listSize: 1 << 20, fields: 1000, ...options })
}

/** The fields of a block, or the text of what is wrong with it. */
export function decoded(hpack: HpackDecoder, block: string | Buffer): Field[] | string {
  const lines = new FieldLines()
  const problem = decodeInto(hpack, block, lines)
  return problem ?? fieldsOf(lines)
}

export function decodeInto(hpack: HpackDecoder, block: string | Buffer, lines: FieldLines): string | null {
  const bytes = typeof block === 'string' ? Buffer.from(block.replaceAll(' ', ''), 'hex') : block
  return hpack.decode(bytes, 0, bytes.length, lines)
}

/** Fields by their offsets; lines that are not where the offsets say are an error. */
export function fieldsOf(lines: FieldLines): Field[] {
  const text = lines.bytes.toString('latin1', 0, lines.length)
  const fields = Array.from({ length: lines.count }, (_, k): Field => [
    text.slice(lines.nameStart(k), lines.nameEnd(k)),
    text.slice(lines.valueStart(k), lines.valueEnd(k)),
  ])
  if (fields.map(([name, value]) => `${name}: ${value}\r\n`).join('') !== text) throw new Error(`offsets and lines differ: ${text}`)
  return fields
}

/** What the dynamic table of a decoder holds, newest first: each entry is asked for by its index. */
export function tableOf(hpack: HpackDecoder): Field[] {
  const entries: Field[] = []
  for (let index = 62; index < 127; index++) {
    const field = decoded(hpack, Buffer.from([0x80 | index]))
    if (typeof field === 'string') break
    entries.push(field[0]!)
  }
  return entries
}

/** The block that an encoder makes of fields. */
export function encoded(hpack: HpackEncoder, fields: readonly Field[], isSecret = false): Buffer {
  const lines = fields.map(([name, value]) => Buffer.from(name + value, 'latin1'))
  const room = blockRoom(
    lines.reduce((sum, line) => sum + line.length, 0),
    fields.length,
  )
  const out = Buffer.alloc(room + 8)
  hpack.begin(out, 8)
  for (const [k, [name, value]] of fields.entries())
    hpack.field(lines[k]!, 0, name.length, name.length, name.length + value.length, isSecret)
  if (hpack.at > out.length) throw new Error('a block larger than blockRoom says')
  return out.subarray(8, hpack.at)
}
