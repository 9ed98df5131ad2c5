/** What a session waits for, and until when: ms, monotonic. The nearest counts. */
export class Waits {
  /** The answer to our SETTINGS. */
  ack = Infinity
  /** The rest of a header block. */
  block = Infinity
  /** The socket takes nothing. */
  write = Infinity
  /** Whatever the role waits for: the first frames, the next call, the peer's end. */
  role = Infinity

  get next(): number {
    return Math.min(this.ack, this.block, this.write, this.role)
  }

  /** What is over; it is not waited for any more. */
  due(now: number): 'ack' | 'block' | 'write' | 'role' | null {
    for (const what of all) {
      if (this[what] > now) continue
      this[what] = Infinity
      return what
    }
    return null
  }
}

const all = ['ack', 'block', 'write', 'role'] as const
