import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf'
import { fieldOf } from './field-path.ts'
import { isAny, isMask, maskWeight, mostValues, ofNumber, reachOf, surelyFits, tooManyValues } from './message-weight.ts'

/** Why a JSON text would take too long to become a message; null: it does not. That it is JSON is for its reader to see. */
export function tooMuchJson(of: DescMessage, bytes: Uint8Array): string | null {
  return bytes.length <= surelyFits(of, false) ? null : counted(bytes, 1 + reachOf(of).mostFields / 8)
}

/** The same of what it says: whether all of its masks have too many letters. */
export function hasLongMasks(of: DescMessage, text: string, registry: Registry | undefined): boolean {
  if (maskWeight(text.length) <= mostValues || !reachOf(of).hasMask) return false
  const value: unknown = JSON.parse(text)
  return maskWeight(lettersIn(of, value, registry)) > mostValues
}

function counted(bytes: Uint8Array, ofObject: number): string | null {
  let count = 0
  let digits = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= zero && byte <= nine) {
      if (++digits > mostDigits) return `it has a number of more than ${mostDigits} digits`
      continue
    }
    digits = 0
    if (inString) {
      if (byte === backslash) at++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === openBrace) count += ofObject
    else if (byte === comma) count += isNumber(bytes[at + 1] ?? 0) ? ofNumber : 1
    else if (byte === openBracket || byte === colon) count++
    if (count > mostValues) return tooManyValues
  }
  return null
}

function isNumber(byte: number): boolean {
  return (byte >= zero && byte <= nine) || byte === minus
}

function lettersIn(of: DescMessage, value: unknown, registry: Registry | undefined): number {
  if (typeof value === 'string') return isMask(of) ? value.length : 0
  if (!isObject(value)) return 0
  if (isAny(of)) {
    const url = value['@type']
    const inner = typeof url === 'string' ? registry?.getMessage(url.slice(url.lastIndexOf('/') + 1)) : undefined
    if (inner === undefined) return 0
    return isAny(inner) || isMask(inner) ? lettersIn(inner, value['value'], registry) : lettersIn(inner, value, registry)
  }
  let letters = 0
  for (const name of Object.keys(value)) letters += lettersOf(fieldOf(of, name), value[name], registry)
  return letters
}

function lettersOf(field: DescField | undefined, value: unknown, registry: Registry | undefined): number {
  const of = field?.message
  if (of === undefined || field === undefined || !(isAny(of) || reachOf(of).hasMask)) return 0
  const isMany = field.fieldKind === 'list' || field.fieldKind === 'map'
  const items: readonly unknown[] = !isMany ? [value] : Array.isArray(value) || isObject(value) ? Object.values(value) : []
  return items.reduce<number>((letters, item) => letters + lettersIn(of, item, registry), 0)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Digits in a row, in a text (of a 64-bit integer) or not: what they say takes more than their number. */
const mostDigits = 65_536
const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const openBrace = 0x7b
