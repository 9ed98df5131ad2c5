/**
 * The calls that have taken and not yet settled, so that a second settle changes nothing. It holds no more than the calls under way. A
 * call may take from several sets; it then settles as often.
 */
export interface OpenCalls {
  add(call: string): void
  /** False: it has settled already. */
  remove(call: string): boolean
}

/** Nearly every call takes once: those stand in a set, and only further takes of one call are counted. */
export function openCalls(): OpenCalls {
  const open = new Set<string>()
  const further = new Map<string, number>()

  return {
    add: (call) => {
      const before = open.size
      open.add(call)
      if (open.size === before) further.set(call, (further.get(call) ?? 0) + 1)
    },
    remove: (call) => {
      const count = further.size === 0 ? undefined : further.get(call)
      if (count === undefined) return open.delete(call)
      if (count === 1) further.delete(call)
      else further.set(call, count - 1)
      return true
    },
  }
}
