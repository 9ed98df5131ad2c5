import { ScalarType, type DescExtension, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { fieldByNumber, isAny, isMask, maskWeight, mostValues, ofNumber, surelyFits, weightOf } from './message-weight.ts'

/** What becomes of a message: JSON by these types, with defaults or without. */
interface WireUse {
  readonly registry?: Registry | undefined
  readonly alwaysEmitImplicit?: boolean | undefined
}

/** Whether a serialized message is made of too many values; nothing is decoded for it. Bytes that are no message are for their reader to see. */
export function hasTooManyValues(of: DescMessage, bytes: Uint8Array, { registry, alwaysEmitImplicit = false }: WireUse): boolean {
  if (bytes.length <= surelyFits(of, alwaysEmitImplicit)) return false
  const count = new WireCount(bytes, registry, alwaysEmitImplicit)
  try {
    count.message(of, bytes.length, 0)
  } catch (error) {
    if (error === over) return true
  }
  return false
}

class WireCount {
  private readonly reader: BinaryReader
  private readonly bytes: Uint8Array
  private readonly registry: Registry | undefined
  private readonly writesDefaults: boolean
  private count = 0

  constructor(bytes: Uint8Array, registry: Registry | undefined, writesDefaults: boolean) {
    this.reader = new BinaryReader(bytes)
    this.bytes = bytes
    this.registry = registry
    this.writesDefaults = writesDefaults
  }

  /** null: of a type that nobody knows. */
  message(of: DescMessage | null, end: number, depth: number): void {
    if (depth > mostDepth) throw over
    if (of !== null) this.add(weightOf(of, this.writesDefaults))
    if (of !== null && isAny(of)) return this.any(end, depth)
    const { reader } = this
    while (reader.pos < end) {
      const [number, type] = reader.tag()
      this.add(1)
      if (type === WireType.EndGroup) return
      const field = of === null ? undefined : this.field(of, number)
      if (type === WireType.StartGroup) this.message(field?.message ?? null, end, depth + 1)
      else if (type !== WireType.LengthDelimited) reader.skip(type)
      else {
        const to = this.lengthEnd()
        if (of !== null && isMask(of)) this.add(maskWeight(to - reader.pos))
        if (field !== undefined) this.within(field, to, depth)
        reader.pos = to
      }
    }
  }

  private within(field: DescField | DescExtension, to: number, depth: number): void {
    if (field.fieldKind === 'map') this.entry(field.message ?? null, to, depth)
    else if (field.message !== undefined) this.message(field.message, to, depth + 1)
    else if (field.fieldKind === 'list') this.add(ofNumber * this.packed(field.scalar, to))
  }

  private entry(value: DescMessage | null, to: number, depth: number): void {
    const { reader } = this
    while (reader.pos < to) {
      const [number, type] = reader.tag()
      if (number !== 1) this.add(1)
      if (number === 2 && type === WireType.LengthDelimited && value !== null) {
        const end = this.lengthEnd()
        this.message(value, end, depth + 1)
        reader.pos = end
      } else reader.skip(type)
    }
  }

  private any(end: number, depth: number): void {
    const { reader } = this
    let of: DescMessage | undefined
    let value: readonly [number, number] | null = null
    while (reader.pos < end) {
      const [number, type] = reader.tag()
      this.add(1)
      if (type !== WireType.LengthDelimited) {
        reader.skip(type)
        continue
      }
      const to = this.lengthEnd()
      if (number === 1) of = this.registry?.getMessage(typeIn(this.bytes.subarray(reader.pos, to)))
      else if (number === 2) value = [reader.pos, to]
      reader.pos = to
    }
    if (of === undefined || value === null) return
    reader.pos = value[0]
    this.message(of, value[1], depth + 1)
    reader.pos = end
  }

  private field(of: DescMessage, number: number): DescField | DescExtension | undefined {
    const known = fieldByNumber(of, number)
    return known === undefined && of.proto.extensionRange.length > 0 ? this.registry?.getExtensionFor(of, number) : known
  }

  /** How many elements there are. */
  private packed(scalar: ScalarType | undefined, to: number): number {
    const size = sizes.get(scalar ?? ScalarType.INT32)
    if (size !== undefined) return (to - this.reader.pos) / size
    let elements = 0
    for (let at = this.reader.pos; at < to; at++) if ((this.bytes[at] ?? 0) < 0x80) elements++
    return elements
  }

  private lengthEnd(): number {
    const length = this.reader.uint32()
    const end = this.reader.pos + length
    if (end > this.bytes.length) throw new Error('the message breaks off')
    return end
  }

  private add(values: number): void {
    this.count += values
    if (this.count > mostValues) throw over
  }
}

function typeIn(url: Uint8Array): string {
  const text = Buffer.from(url.buffer, url.byteOffset, Math.min(url.byteLength, 1024)).toString()
  return text.slice(text.lastIndexOf('/') + 1)
}

const over = new Error('too many values')
/** Messages within messages; deeper ones are for nobody to read. */
const mostDepth = 1000
/** Bytes of an element, where all have the same. Texts and bytes are not packed: each is a value by its tag. */
const sizes: ReadonlyMap<ScalarType, number> = new Map([
  [ScalarType.DOUBLE, 8],
  [ScalarType.FIXED64, 8],
  [ScalarType.SFIXED64, 8],
  [ScalarType.FLOAT, 4],
  [ScalarType.FIXED32, 4],
  [ScalarType.SFIXED32, 4],
  [ScalarType.STRING, Infinity],
  [ScalarType.BYTES, Infinity],
])
