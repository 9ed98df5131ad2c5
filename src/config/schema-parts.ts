import { z } from 'zod'
import { shown } from './findings.ts'
import { durationPattern, readDuration, readSize, sizePattern } from './units.ts'

const durationRemedy = 'write a duration such as 250ms, 30s, 10m or 1h, or a number of ms'
const sizeRemedy = 'write a size such as 64KiB, 32MB (10^6) or 32MiB (2^20), or a number of bytes'

/** A key that holds a duration of at least `least` ms. */
export function duration(text: string, least = 1) {
  return amount({ read: readDuration, least, pattern: durationPattern, remedy: durationRemedy, noun: 'duration' }).describe(text)
}

/** A duration that is `fallback` where it is not written. */
export function durationOr(fallback: string, text: string, least = 1) {
  return duration(text, least).prefault(fallback).describe(`${text} Default: ${fallback}.`)
}

/** A key that holds a size in bytes. */
export function size(text: string, least = 1) {
  return amount({ read: readSize, least, pattern: sizePattern, remedy: sizeRemedy, noun: 'size' }).describe(text)
}

/** A size that is `fallback` where it is not written. */
export function sizeOr(fallback: string, text: string, least = 1) {
  return size(text, least).prefault(fallback).describe(`${text} Default: ${fallback}.`)
}

/** A whole number between two others, `fallback` where it is not written. */
export function count(fallback: number, most: number, text: string) {
  return z.number().int().min(1).max(most).default(fallback).describe(`${text} Default: ${fallback}.`)
}

/** A switch. */
export function flag(fallback: boolean, text: string) {
  return z.boolean().default(fallback).describe(`${text} Default: ${fallback}.`)
}

interface Amount {
  readonly read: (written: string | number) => number | undefined
  readonly least: number
  readonly pattern: string
  readonly remedy: string
  readonly noun: string
}

function amount({ read, least, pattern, remedy, noun }: Amount) {
  return z.union([z.string().meta({ pattern }), z.number().meta({ type: 'integer', minimum: least })]).transform((written, context) => {
    const value = read(written)
    if (value !== undefined && value >= least) return value
    const message = value === undefined ? `${shown(written)} is not a ${noun}` : `${shown(written)} is too small`
    const params = { remedy: value === undefined ? remedy : `write at least ${least}${noun === 'size' ? ' bytes' : 'ms'}` }
    context.issues.push({ code: 'custom', message, params, input: written })
    return z.NEVER
  })
}
