/** Bytes that all workers together hold of bodies whose beginning is being read: a word in shared memory. */
export interface PeekBudget {
  /** Takes so many bytes; false: there are not so many left. */
  take(bytes: number): boolean
  give(bytes: number): void
}
