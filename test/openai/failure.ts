import { RelayError, type Failure } from '../../src/base/errors.ts'

/** The failure that a function throws; null where it throws none. */
export function failureOf(run: () => unknown): Failure | null {
  try {
    run()
    return null
  } catch (error) {
    if (error instanceof RelayError) return error.failure
    throw error
  }
}
