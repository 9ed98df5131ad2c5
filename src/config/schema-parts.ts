import { z } from 'zod'
import { shown } from './findings.ts'
import {
  agePattern,
  budgetPattern,
  countPattern,
  durationPattern,
  moneyPattern,
  ratePattern,
  readAge,
  readBudget,
  readCount,
  readDuration,
  readMoney,
  readRate,
  readSize,
  sizePattern,
} from './units.ts'

const durationRemedy = 'write a duration such as 250ms, 30s, 10m or 1h, or a number of ms'
const sizeRemedy = 'write a size such as 64KiB, 32MB (10^6) or 32MiB (2^20), or a number of bytes'
const ageRemedy = 'write a number of hours, days, weeks or years: 12h, 90d, 8w, 2y'
const countRemedy = 'write a whole number such as 600, 100k (10^3), 2M (10^6) or 1G (10^9), at most 1000G'
const rateRemedy = 'write a count of at least 1 and a period (s, m, h, d, w or month): 600/m, 10/s, 2M/m, 100M/month'
const moneyRemedy = 'write dollars, more than none and at most 9 million: 50usd, 0.25usd'
const budgetRemedy = 'write dollars, more than none and at most 9 million, and a period (day, week or month): 50usd/day, 1000usd/month'

/** A key that holds a duration of at least `least` ms. */
export function duration(text: string, least = 1) {
  return amount({ read: readDuration, least, pattern: durationPattern, remedy: durationRemedy, noun: 'duration', unit: 'ms' }).describe(
    text,
  )
}

/** A duration that is `fallback` where it is not written. */
export function durationOr(fallback: string, text: string, least = 1) {
  return duration(text, least).prefault(fallback).describe(`${text} Default: ${fallback}.`)
}

/** A key that holds a size in bytes. */
export function size(text: string, least = 1) {
  return amount({ read: readSize, least, pattern: sizePattern, remedy: sizeRemedy, noun: 'size', unit: ' bytes' }).describe(text)
}

/** A size that is `fallback` where it is not written. */
export function sizeOr(fallback: string, text: string, least = 1) {
  return size(text, least).prefault(fallback).describe(`${text} Default: ${fallback}.`)
}

/** The same with a bound at either end. */
export function sizeBetween(least: number, most: number, { fallback, text }: { readonly fallback: string; readonly text: string }) {
  return amount({ read: readSize, least, most, pattern: sizePattern, remedy: sizeRemedy, noun: 'size', unit: ' bytes' })
    .prefault(fallback)
    .describe(`${text} Default: ${fallback}.`)
}

/** A key that holds how long something is kept, in ms. */
export function ageOr(fallback: string, text: string) {
  return amount({ read: readAge, least: 1, pattern: agePattern, remedy: ageRemedy, noun: 'time to keep something', unit: 'ms' })
    .prefault(fallback)
    .describe(`${text} Default: ${fallback}.`)
}

/** A whole number of at least 1 that may be written with k, M and G. */
export function amountOf(text: string) {
  // What is written as nothing is too small, and not unreadable.
  const read = (written: string | number): number | undefined => (/^0+[kMG]?$/.test(String(written)) ? 0 : readCount(written))
  return amount({ read, least: 1, pattern: countPattern, remedy: countRemedy, noun: 'count', unit: '' }).describe(text)
}

/** A key that holds a rate. */
export function rate(text: string) {
  return spelled({ read: readRate, pattern: ratePattern, remedy: rateRemedy, noun: 'a rate' }).describe(text)
}

/** A key that holds money in nano-dollars. */
export function money(text: string) {
  return spelled({ read: readMoney, pattern: moneyPattern, remedy: moneyRemedy, noun: 'an amount of money' }).describe(text)
}

/** A key that holds money a calendar period. */
export function budgetOf(text: string) {
  return spelled({ read: readBudget, pattern: budgetPattern, remedy: budgetRemedy, noun: 'a budget' }).describe(text)
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
  readonly most?: number
  readonly pattern: string
  readonly remedy: string
  readonly noun: string
  readonly unit: string
}

interface Spelled<Value> {
  readonly read: (written: string) => Value | undefined
  readonly pattern: string
  readonly remedy: string
  readonly noun: string
}

// A number is taken as the text that it looks like: it is told what is missing behind it, and not that it should be a string.
function spelled<Value>({ read, pattern, remedy, noun }: Spelled<Value>) {
  const text = z
    .string()
    .meta({ pattern })
    .transform((written, context) => {
      const value = read(written)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `${shown(written)} is not ${noun}`, params: { remedy }, input: written })
      return z.NEVER
    })
  return z.preprocess((written) => (typeof written === 'number' ? String(written) : written), text)
}

function amount({ read, least, most = Infinity, pattern, remedy, noun, unit }: Amount) {
  const range = { minimum: least, ...(most === Infinity ? {} : { maximum: most }) }
  return z.union([z.string().meta({ pattern }), z.number().meta({ type: 'integer', ...range })]).transform((written, context) => {
    const value = read(written)
    if (value !== undefined && value >= least && value <= most) return value
    const wrong = value === undefined ? `not a ${noun}` : value < least ? 'too small' : 'too big'
    const bound = value !== undefined && value > most ? `at most ${most}` : `at least ${least}`
    const message = `${shown(written)} is ${wrong}`
    const params = { remedy: value === undefined ? remedy : `write ${bound}${unit}` }
    context.issues.push({ code: 'custom', message, params, input: written })
    return z.NEVER
  })
}
