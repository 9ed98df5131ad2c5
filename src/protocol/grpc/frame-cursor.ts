import { Code } from './code.ts'
import { prefixLength, type FrameRefusal } from './frames.ts'

/** Knows where a body stands among its frames while they pass: only between two of them may another one be put. */
export class FrameCursor {
  /** Bytes of the prefix that have come. */
  private prefixed = 0
  private length = 0
  /** Bytes of the message that are still to come. */
  private rest = 0

  /** Whether the next byte begins a frame. */
  get isBetween(): boolean {
    return this.prefixed === 0 && this.rest === 0
  }

  /** No more bytes of the upstream come: a refusal where that is within a frame, as nothing can be put behind it then. */
  end(): FrameRefusal | null {
    if (this.isBetween) return null
    return { failure: 'upstream_failed', message: 'the reply ends within a gRPC message', grpc: Code.internal }
  }

  /** These bytes have passed. */
  read(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.rest > 0) {
        const skipped = Math.min(this.rest, bytes.length - at)
        this.rest -= skipped
        at += skipped
      } else this.prefix(bytes[at++]!)
    }
  }

  private prefix(byte: number): void {
    this.length = this.prefixed === 0 ? 0 : this.length * 256 + byte
    if (++this.prefixed < prefixLength) return
    this.prefixed = 0
    this.rest = this.length
  }
}
