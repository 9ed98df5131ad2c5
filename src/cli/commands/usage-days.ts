import { CommandError } from '../command.ts'

const dayMs = 86_400_000

/** The day that `--since` means: a date, or so many days and weeks up to today. */
export function firstDay(text: string, now: number): string {
  const [, digits, unit] = /^([0-9]{1,5})(d|w)$/.exec(text) ?? []
  if (digits === undefined) return date(text, '--since', 'a day such as 2026-11-01, or 7d or 4w for the last ones')
  const days = Number(digits) * (unit === 'w' ? 7 : 1)
  if (days < 1) throw new CommandError(2, `--since ${text}: give at least one day`)
  return dayText(now - (days - 1) * dayMs)
}

/** The day that `--until` means: a date, or today. */
export function lastDay(text: string | undefined, now: number): string {
  return text === undefined ? dayText(now) : date(text, '--until', 'a day such as 2026-11-30')
}

function date(text: string, flag: string, wanted: string): string {
  const at = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  // The 31st of a shorter month is read as a day of the next one.
  if (Number.isNaN(at) || dayText(at) !== text) throw new CommandError(2, `${flag} '${text.slice(0, 40)}' is no day; give ${wanted}`)
  return text
}

function dayText(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
