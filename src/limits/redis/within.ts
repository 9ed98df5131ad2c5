import { RelayError } from '../../base/errors.ts'

/**
 * The promise's outcome, or a failure after so many ms. An answer that has arrived while this thread was busy is still an answer: the
 * event loop reads its sockets once more before time is up.
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const fail = () => late.reject(new RelayError('timed_out', `redis did not answer within ${timeoutMs} ms`))
  const timer = setTimeout(() => setImmediate(fail), timeoutMs)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
    // Nobody is left to look at either of them.
    promise.catch(() => {})
    late.promise.catch(() => {})
  }
}
