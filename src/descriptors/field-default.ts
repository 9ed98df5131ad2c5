import { FieldDescriptorProto_Type as Type } from '@bufbuild/protobuf/wkt'
import { type OptionValue, ProtoError } from './draft.ts'
import type { Token } from './words.ts'
import { escapedBytes } from './unescaped.ts'

/** The default of a field of a type (undefined: that of a name) as a descriptor has it. */
export function defaultText(type: Type | undefined, value: OptionValue, { at }: Token): string {
  const text = textOf(type, value)
  if (text === undefined) throw new ProtoError(at, 'the default does not fit its field', 'write a value of the type of the field')
  return text
}

function textOf(type: Type | undefined, value: OptionValue): string | undefined {
  switch (type) {
    case undefined:
      // Only of an enum a name is the default.
      return value.is === 'name' ? value.text : undefined
    case Type.STRING:
      return value.is === 'string' ? value.bytes.toString() : undefined
    case Type.BYTES:
      return value.is === 'string' ? escapedBytes(value.bytes) : undefined
    case Type.BOOL:
      return value.is === 'name' && /^(true|false)$/.test(value.text) ? value.text : undefined
    case Type.DOUBLE:
    case Type.FLOAT:
      return floatText(value)
    default:
      return value.is === 'integer' && fits(type, value.value) ? String(value.value) : undefined
  }
}

function floatText(value: OptionValue): string | undefined {
  if (value.is === 'integer') return String(Number(value.value))
  if (value.is === 'name') return /^(inf|nan)$/.test(value.text) ? value.text : undefined
  if (value.is !== 'float') return undefined
  return String(value.value).replace('Infinity', 'inf').replace('NaN', 'nan')
}

/** Bits of whole numbers, and whether they have a sign. */
const bits: Readonly<Record<number, readonly [bigint, boolean]>> = {
  [Type.INT64]: [64n, true],
  [Type.UINT64]: [64n, false],
  [Type.INT32]: [32n, true],
  [Type.FIXED64]: [64n, false],
  [Type.FIXED32]: [32n, false],
  [Type.UINT32]: [32n, false],
  [Type.SFIXED32]: [32n, true],
  [Type.SFIXED64]: [64n, true],
  [Type.SINT32]: [32n, true],
  [Type.SINT64]: [64n, true],
}

function fits(type: Type, value: bigint): boolean {
  const [width, hasSign] = bits[type] ?? [0n, false]
  return hasSign ? value >= -(2n ** (width - 1n)) && value < 2n ** (width - 1n) : value >= 0n && value < 2n ** width
}
