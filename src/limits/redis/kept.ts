/** A map that forgets what was put in first once it is full. */
export interface Kept<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
}

/** A map of at most so many. */
export function kept<T>(most: number): Kept<T> {
  const values = new Map<string, T>()
  return {
    get: (key) => values.get(key),
    set: (key, value) => {
      // What was put in anew counts as new.
      values.delete(key)
      values.set(key, value)
      if (values.size <= most) return
      const oldest = values.keys().next()
      if (oldest.done !== true) values.delete(oldest.value)
    },
    delete: (key) => {
      values.delete(key)
    },
  }
}
