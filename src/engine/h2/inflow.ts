/**
 * What a peer may send, of one stream or of a whole session: it gets back what has been taken, in few and large pieces. The window of
 * a stream whose bytes are taken as they come grows, so that a long line is filled; nothing is held of such a stream.
 */
export class Inflow {
  private size: number
  private readonly most: number
  private available: number
  private taken = 0

  constructor(size: number, most: number) {
    this.size = size
    this.most = most
    this.available = size
  }

  /** The peer has sent so much; false: more than it may. */
  receive(bytes: number): boolean {
    this.available -= bytes
    return this.available >= 0
  }

  /** So much has been taken; what the peer is to be told, 0 where that can wait. */
  credit(bytes: number, grows: boolean): number {
    const taken = (this.taken += bytes)
    const { size, most } = this
    if (2 * taken < size) return 0
    const more = grows && size < most ? Math.min(size, most - size) : 0
    this.size = size + more
    this.taken = 0
    this.available += taken + more
    return taken + more
  }
}
