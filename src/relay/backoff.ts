/** Waits that double: the first at once short, the longest for what fails again and again. */
export interface Backoff {
  next(): number
  reset(): void
}

export function backoff(first: number, longest: number): Backoff {
  let wait = first
  return {
    next: () => {
      const now = wait
      wait = Math.min(longest, wait * 2)
      return now
    },
    reset: () => (wait = first),
  }
}
