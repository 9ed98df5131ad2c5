import t from 'tap'
import { periodAt, type Period } from '../../src/limits/period.ts'

const hour = 3_600_000
const at = (text: string): number => Date.parse(text)

function hoursOf({ startMs, endMs }: Period): number {
  return (endMs - startMs) / hour
}

t.test('a day begins at midnight of its time zone, not of UTC', async (t) => {
  const day = periodAt({ period: 'day', timeZone: 'Europe/Berlin' }, at('2026-11-23T23:30:00Z'))

  t.strictSame(day, { label: '2026-11-24', startMs: at('2026-11-23T23:00:00Z'), endMs: at('2026-11-24T23:00:00Z') })
})

t.test('the first ms of a period belongs to it, and the last before it does not', async (t) => {
  const limit = { period: 'day', timeZone: 'Asia/Tokyo' } as const
  const midnight = at('2026-11-23T15:00:00Z')

  t.equal(periodAt(limit, midnight - 1).label, '2026-11-23')
  t.equal(periodAt(limit, midnight).label, '2026-11-24')
  t.equal(periodAt(limit, midnight - 1).endMs, midnight)
})

t.test('days on which clocks are changed have 23 and 25 hours', async (t) => {
  const berlin = { period: 'day', timeZone: 'Europe/Berlin' } as const
  const newYork = { period: 'day', timeZone: 'America/New_York' } as const

  t.equal(hoursOf(periodAt(berlin, at('2026-03-29T10:00:00Z'))), 23)
  t.equal(hoursOf(periodAt(berlin, at('2026-10-25T10:00:00Z'))), 25)
  t.equal(hoursOf(periodAt(newYork, at('2026-03-08T12:00:00Z'))), 23)
  t.equal(hoursOf(periodAt(newYork, at('2026-11-01T12:00:00Z'))), 25)
  t.equal(hoursOf(periodAt({ period: 'day', timeZone: 'Australia/Lord_Howe' }, at('2026-10-03T18:00:00Z'))), 23.5)
})

t.test('both times that a clock shows the same hour are in the same day', async (t) => {
  const limit = { period: 'day', timeZone: 'Europe/Berlin' } as const

  const first = periodAt(limit, at('2026-10-25T00:30:00Z'))
  const second = periodAt(limit, at('2026-10-25T01:30:00Z'))

  t.strictSame(first, second)
})

t.test('where midnight is skipped, the day begins with the first moment that there is', async (t) => {
  const day = periodAt({ period: 'day', timeZone: 'America/Santiago' }, at('2026-09-06T12:00:00Z'))

  t.strictSame(day, { label: '2026-09-06', startMs: at('2026-09-06T04:00:00Z'), endMs: at('2026-09-07T03:00:00Z') })
})

t.test('a day that a zone left out has no period', async (t) => {
  const before = periodAt({ period: 'day', timeZone: 'Pacific/Apia' }, at('2011-12-30T09:59:59Z'))
  const after = periodAt({ period: 'day', timeZone: 'Pacific/Apia' }, at('2011-12-30T10:00:00Z'))

  t.equal(before.label, '2011-12-29')
  t.equal(after.label, '2011-12-31')
  t.equal(before.endMs, after.startMs)
})

t.test('weeks begin on Monday', async (t) => {
  const limit = { period: 'week', timeZone: 'America/Los_Angeles' } as const

  const sunday = periodAt(limit, at('2026-11-23T07:59:59.999Z'))
  const monday = periodAt(limit, at('2026-11-23T08:00:00Z'))

  t.equal(sunday.label, '2026-11-16')
  t.strictSame(monday, { label: '2026-11-23', startMs: at('2026-11-23T08:00:00Z'), endMs: at('2026-11-30T08:00:00Z') })
})

t.test('a week in which clocks are changed is an hour longer or shorter', async (t) => {
  const limit = { period: 'week', timeZone: 'Europe/Berlin' } as const

  t.equal(hoursOf(periodAt(limit, at('2026-03-26T12:00:00Z'))), 7 * 24 - 1)
  t.equal(hoursOf(periodAt(limit, at('2026-10-23T12:00:00Z'))), 7 * 24 + 1)
})

t.test('months are as long as they are, and a year may end in the middle of a week', async (t) => {
  const month = { period: 'month', timeZone: 'UTC' } as const

  t.equal(hoursOf(periodAt(month, at('2026-02-28T23:59:59Z'))), 28 * 24)
  t.equal(hoursOf(periodAt(month, at('2028-02-29T12:00:00Z'))), 29 * 24)
  t.strictSame(periodAt(month, at('2026-12-31T12:00:00Z')), {
    label: '2026-12-01',
    startMs: at('2026-12-01T00:00:00Z'),
    endMs: at('2027-01-01T00:00:00Z'),
  })
  t.equal(periodAt({ period: 'week', timeZone: 'UTC' }, at('2027-01-01T12:00:00Z')).label, '2026-12-28')
})

t.test('zones that are not whole hours off count by their own midnight', async (t) => {
  const starts = {
    'Asia/Kathmandu': '2026-11-22T18:15:00Z',
    'Asia/Kolkata': '2026-11-22T18:30:00Z',
    'Australia/Eucla': '2026-11-22T15:15:00Z',
    'Pacific/Chatham': '2026-11-22T10:15:00Z',
    'America/St_Johns': '2026-11-23T03:30:00Z',
    'Pacific/Kiritimati': '2026-11-22T10:00:00Z',
    'Etc/GMT+12': '2026-11-23T12:00:00Z',
  }

  for (const [timeZone, start] of Object.entries(starts)) {
    const day = periodAt({ period: 'day', timeZone }, at(start))
    t.strictSame([day.label, day.startMs, day.endMs], ['2026-11-23', at(start), at(start) + 24 * hour], timeZone)
  }
})

t.test('every moment is in the period that it is given, and each period begins where the one before ends', async (t) => {
  const zones = ['UTC', 'Europe/Berlin', 'America/Santiago', 'Australia/Lord_Howe', 'Africa/Cairo', 'Asia/Beirut']
  for (const timeZone of zones) {
    for (const period of ['day', 'week', 'month'] as const) {
      let wall = at('2026-01-01T00:00:00Z')
      let last: Period | null = null
      while (wall < at('2027-01-01T00:00:00Z')) {
        const now: Period = periodAt({ period, timeZone }, wall)
        if (now.startMs > wall || now.endMs <= wall || (last !== null && last.endMs !== now.startMs))
          t.fail(`${timeZone} ${period} ${wall}`)
        wall = now.endMs
        last = now
      }
    }
  }
})

t.test('within a period the same object is given again: no calendar is asked', async (t) => {
  const limit = { period: 'day', timeZone: 'Europe/Paris' } as const

  const first = periodAt(limit, at('2026-11-23T10:00:00Z'))
  const second = periodAt(limit, at('2026-11-23T11:00:00Z'))

  t.equal(first, second)
})

t.test('a clock that jumps back is in the period that it shows', async (t) => {
  const limit = { period: 'day', timeZone: 'Europe/Rome' } as const
  periodAt(limit, at('2026-11-23T10:00:00Z'))

  t.equal(periodAt(limit, at('2026-11-22T10:00:00Z')).label, '2026-11-22')
})

t.test('a time zone that there is not is refused', async (t) => {
  t.throws(() => periodAt({ period: 'day', timeZone: 'Europe/Atlantis' }, 0), RangeError)
})
