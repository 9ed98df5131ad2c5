/**
 * The calls that have taken and not yet settled, so that a second settle changes nothing. It holds no more than the calls under way. A
 * call may take from several sets; it then stands here, and settles, as often.
 *
 * A table with open addressing: a Set of strings that come and go costs a call more than its limits do, as it is built anew all the time.
 */
export interface OpenCalls {
  add(call: string): void
  /** False: it has settled already. */
  remove(call: string): boolean
}

/** An empty table; it grows with the calls that are open at once. */
export function openCalls(): OpenCalls {
  let table: string[] = Array.from({ length: 64 }, () => none)
  let count = 0

  function put(call: string): void {
    const mask = table.length - 1
    let at = hashOf(call) & mask
    while (table[at] !== none) at = (at + 1) & mask
    table[at] = call
  }

  function grow(): void {
    const before = table
    table = Array.from({ length: before.length * 2 }, () => none)
    for (const call of before) if (call !== none) put(call)
  }

  /** Moves up what stands behind and would no longer be found. */
  function empty(place: number): void {
    const mask = table.length - 1
    let hole = place
    for (let at = (place + 1) & mask; ; at = (at + 1) & mask) {
      const call = table[at] ?? none
      if (call === none) break
      const fromHome = (at - hashOf(call)) & mask
      if (fromHome < ((at - hole) & mask)) continue
      table[hole] = call
      hole = at
    }
    table[hole] = none
  }

  return {
    add: (call) => {
      count += 1
      if (count * 2 > table.length) grow()
      put(call)
    },
    remove: (call) => {
      const mask = table.length - 1
      for (let at = hashOf(call) & mask; table[at] !== none; at = (at + 1) & mask) {
        if (table[at] !== call) continue
        empty(at)
        count -= 1
        return true
      }
      return false
    },
  }
}

/** No call has this id. */
const none = ''

/** The ends of ids tell them apart. */
function hashOf(call: string): number {
  let hash = 0
  for (let at = Math.max(0, call.length - 8); at < call.length; at += 1) hash = (Math.imul(hash, 31) + call.charCodeAt(at)) | 0
  return hash ^ (hash >>> 15)
}
