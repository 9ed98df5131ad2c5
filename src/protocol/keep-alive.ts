import { equalsFolded } from './bytes.ts'
import type { Head } from './head.ts'
import { Name } from './names.ts'

/**
 * For how many seconds a server says that it keeps an idle connection (`Keep-Alive: timeout=5, max=100`), Infinity where it says
 * nothing that can be read. Heads without the field cost one bit test.
 */
export function keepAliveSeconds(head: Head): number {
  return head.has(Name.keepAlive) ? parameterSeconds(head) : Infinity
}

function parameterSeconds(head: Head): number {
  const { bytes } = head
  const end = head.valueEnd(Name.keepAlive)
  let at = head.valueStart(Name.keepAlive)
  while (at < end) {
    const stop = parameterEnd(bytes, at, end)
    if (stop - at > timeout.length && equalsFolded(bytes, at, at + timeout.length, timeout)) return digits(bytes, at + timeout.length, stop)
    at = stop + 1
    while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++
  }
  return Infinity
}

function parameterEnd(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && bytes[at] !== 44 && bytes[at] !== 59) at++
  return at
}

/** What cannot be read is no hint; a number of more digits than a day of seconds needs is none either. */
function digits(bytes: Buffer, from: number, to: number): number {
  let seconds = 0
  let at = from
  while (at < to && at < from + 6 && bytes[at]! >= 48 && bytes[at]! <= 57) seconds = seconds * 10 + bytes[at++]! - 48
  const isWhole = at === to || bytes[at] === 32 || bytes[at] === 9
  return at > from && isWhole ? seconds : Infinity
}

const timeout = Buffer.from('timeout=')
