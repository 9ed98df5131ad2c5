import { setTimeout as wait } from 'node:timers/promises'

/** Looks again and again until something is so; the test's own time limit is the deadline. */
export async function until(isSo: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> {
  while (!(await isSo())) await wait(everyMs)
}
