import { maxWindow } from '../../protocol/h2/frames.ts'

/** A stream with bytes to send. */
export interface Sending {
  /** It stands in the row of those whose turn will come. */
  isWaiting: boolean
  /** It has bytes that its own window lets out. */
  readonly canSend: boolean
  /** Sends one frame, as long as the windows let it be. */
  sendSome(): void
}

/** The DATA of a session's streams: what the peer's window lets out, a frame a stream in turn. */
export class Sender {
  /** Bytes that the peer takes of all streams together. */
  window: number
  private readonly row: Sending[] = []

  constructor(window: number) {
    this.window = window
  }

  /** Whether streams wait for the connection: new bytes go behind theirs. */
  get isBusy(): boolean {
    return this.row.length > 0
  }

  /** A stream has bytes that could not go out at once. */
  wait(stream: Sending): void {
    if (stream.isWaiting || !stream.canSend) return
    stream.isWaiting = true
    this.row.push(stream)
  }

  /** The peer takes so much more; false: more than there can be. */
  widen(bytes: number): boolean {
    this.window += bytes
    return this.window <= maxWindow
  }

  /** Sends in turn until nothing is left, the window is, or the socket is full. */
  pump(output: { readonly isBlocked: boolean }): void {
    const { row } = this
    while (row.length > 0 && this.window > 0 && !output.isBlocked) {
      const stream = row.shift()!
      stream.isWaiting = false
      if (stream.canSend) stream.sendSome()
      this.wait(stream)
    }
  }
}
