import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import { roomFor } from '../protocol/room.ts'
import type { Body, Sink } from './body.ts'
import { stopped } from './call.ts'

/** Reads a body to its end and keeps it: for stages that must have all of it. Beyond `most` bytes it fails with what `tooLarge` says. */
export async function collect(body: Body, most: number, tooLarge: () => RelayError): Promise<Collected> {
  if (body.length > most) {
    const error = tooLarge()
    body.cancel('failed', error)
    throw error
  }
  return new Promise((resolve, reject) => {
    const kept = new Keeper(body, { most, tooLarge }, resolve, reject)
    body.onEnd((end) => (end === 'done' ? undefined : reject(body.error ?? stopped(end))))
    body.pipe(kept)
  })
}

/** A whole body, and the trailers behind it. */
export interface Collected {
  readonly bytes: Buffer
  readonly trailers: Buffer
}

interface Bound {
  readonly most: number
  readonly tooLarge: () => RelayError
}

class Keeper implements Sink {
  private readonly pieces: Buffer[] = []
  private length = 0
  /** Short pieces, put together: by itself each would cost a hundred bytes, and keep all that it came with. */
  private gathered: Buffer = none
  private gatheredLength = 0
  private readonly body: Body
  private readonly bound: Bound
  private readonly resolve: (all: Collected) => void
  private readonly reject: (error: Error) => void

  constructor(body: Body, bound: Bound, resolve: (all: Collected) => void, reject: (error: Error) => void) {
    this.body = body
    this.bound = bound
    this.resolve = resolve
    this.reject = reject
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    this.length += bytes.length
    if (this.length > this.bound.most) {
      const error = this.bound.tooLarge()
      this.reject(error)
      this.body.cancel('failed', error)
      return true
    }
    if (bytes.length < shortPiece) this.gather(bytes)
    else {
      this.closeGathered()
      this.pieces.push(isOwned ? bytes : Buffer.from(bytes))
    }
    return true
  }

  finish(trailers: Buffer): void {
    this.closeGathered()
    this.resolve({ bytes: this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.length), trailers })
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.reject(error ?? stopped(end))
  }

  private gather(bytes: Buffer): void {
    this.gathered = roomFor(this.gathered, this.gatheredLength, this.gatheredLength + bytes.length)
    this.gatheredLength += bytes.copy(this.gathered, this.gatheredLength)
    if (this.gatheredLength >= mostGathered) this.closeGathered()
  }

  private closeGathered(): void {
    if (this.gatheredLength === 0) return
    this.pieces.push(this.gathered.subarray(0, this.gatheredLength))
    this.gathered = none
    this.gatheredLength = 0
  }
}

const none = Buffer.alloc(0)
const shortPiece = 4096
const mostGathered = 65_536
