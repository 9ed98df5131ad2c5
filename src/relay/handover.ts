import type { Socket } from 'node:net'

/** Somebody who can take a connected socket, and how many connections it has. */
interface Taker {
  readonly load: () => number
  readonly hand: (listener: number, socket: Socket) => void
}

/** Hands connections to the least loaded worker. */
export interface Handover {
  readonly accept: (listener: number, socket: Socket) => void
  /** A worker came up: what waited for one goes out. */
  readonly flush: () => void
  readonly close: () => void
  /** Connections closed at once because there were too many. */
  readonly refused: () => number
}

export interface HandoverOptions {
  readonly takers: () => readonly Taker[]
  /** Open connections a process; beyond: closed at once. */
  readonly limit: () => number
  /** How long a connection waits when no worker is up, in ms. */
  readonly wait: number
  readonly waiting?: number
}

interface Waiting {
  readonly listener: number
  readonly socket: Socket
  readonly timer: NodeJS.Timeout
}

/** While every worker is being replaced, up to `waiting` connections are held; not a byte of them is read here. */
export function handover({ takers, limit, wait, waiting: most = 1024 }: HandoverOptions): Handover {
  const waiting = new Set<Waiting>()
  let refused = 0
  const refuse = (socket: Socket) => {
    refused++
    socket.destroy()
  }
  const hold = (listener: number, socket: Socket) => {
    if (waiting.size >= most) return refuse(socket)
    const timer = setTimeout(() => {
      waiting.delete(one)
      refuse(socket)
    }, wait)
    const one = { listener, socket, timer }
    waiting.add(one)
  }
  const accept = (listener: number, socket: Socket) => {
    const all = takers()
    const [best, total] = leastLoaded(all)
    if (total + waiting.size >= limit()) return refuse(socket)
    if (best === null) hold(listener, socket)
    else best.hand(listener, socket)
  }
  const empty = (each: (one: Waiting) => void) => {
    const all = [...waiting]
    waiting.clear()
    for (const one of all) {
      clearTimeout(one.timer)
      each(one)
    }
  }
  return {
    accept,
    flush: () => empty(({ listener, socket }) => accept(listener, socket)),
    close: () => empty(({ socket }) => socket.destroy()),
    refused: () => refused,
  }
}

function leastLoaded(takers: readonly Taker[]): readonly [Taker | null, number] {
  let best: Taker | null = null
  let least = Infinity
  let total = 0
  for (const taker of takers) {
    const load = taker.load()
    total += load
    if (load < least) {
      least = load
      best = taker
    }
  }
  return [best, total]
}
