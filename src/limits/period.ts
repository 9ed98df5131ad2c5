import type { BudgetLimit } from '../base/limit.ts'

/** A calendar period: from its first moment to the first of the next, in the time zone of its limit. */
export interface Period {
  /** Its first day: `2026-11-23`. */
  readonly label: string
  /** Unix time, ms. */
  readonly startMs: number
  /** Unix time, ms; no longer in it. */
  readonly endMs: number
}

/** The last period asked for, by time zone and kind: one look-up a call, and no calendar until a period ends. */
const kept = new Map<string, Record<BudgetLimit['period'], Period>>()
const none: Period = { label: '', startMs: 0, endMs: 0 }

/** The period of a budget that this moment is in. Days are 23 to 25 hours long where clocks are changed; weeks begin on Monday. */
export function periodAt({ period, timeZone }: Pick<BudgetLimit, 'period' | 'timeZone'>, wallMs: number): Period {
  const known = periodsOf(timeZone)
  const last = known[period]
  if (wallMs >= last.startMs && wallMs < last.endMs) return last
  const found = findPeriod(period, timeZone, wallMs)
  known[period] = found
  return found
}

/** There are some hundred names of time zones, and one that is none has thrown: the map is bounded by them. */
function periodsOf(timeZone: string): Record<BudgetLimit['period'], Period> {
  const known = kept.get(timeZone)
  if (known !== undefined) return known
  const made = { day: none, week: none, month: none }
  Temporal.Now.zonedDateTimeISO(timeZone)
  kept.set(timeZone, made)
  return made
}

function findPeriod(period: BudgetLimit['period'], timeZone: string, wallMs: number): Period {
  const today = Temporal.Instant.fromEpochMilliseconds(Math.floor(wallMs)).toZonedDateTimeISO(timeZone).toPlainDate()
  const first = firstDay(period, today)
  // The day after the last, by the calendar: adding hours would be wrong where clocks are changed.
  const next = first.add({ [`${period}s`]: 1 })
  return { label: first.toString(), startMs: startOf(first, timeZone), endMs: startOf(next, timeZone) }
}

function firstDay(period: BudgetLimit['period'], today: Temporal.PlainDate): Temporal.PlainDate {
  switch (period) {
    case 'day':
      return today
    case 'week':
      return today.subtract({ days: today.dayOfWeek - 1 })
    case 'month':
      return today.with({ day: 1 })
  }
}

/** The first moment of a day: not always midnight, which some zones skip when they change their clocks. */
function startOf(day: Temporal.PlainDate, timeZone: string): number {
  return day.toZonedDateTime(timeZone).epochMilliseconds
}
