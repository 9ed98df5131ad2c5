/** Runs works one after the other, in the order they were given; a work that fails does not stop those behind it. */
export type Serial = <Result>(work: () => Promise<Result>) => Promise<Result>

/** A queue of its own. Its length is bounded by those who wait for their work's result. */
export function serial(): Serial {
  let last: Promise<unknown> = Promise.resolve()
  return async (work) => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}
