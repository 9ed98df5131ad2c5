import { hold } from '../engine/hold.ts'
import type { Call } from '../engine/call.ts'
import type { QueueNumbers } from '../metrics/queue-column.ts'
import { QueueRoom, type Clock, type Place } from './queue-room.ts'
import type { Ticket } from './queue-ticket.ts'

/** The queues of a worker, one a route: they live through reloads. */
export interface Queues {
  /** The queue of the route with this slot. */
  room(slot: number): Queue
  /** Something has been given back in this worker: those who wait for it are tried. */
  readonly released: () => void
}

/** Where calls of a route wait until their limits let them through. */
export interface Queue {
  /** Whether a call that takes from these buckets has nobody before it, here or in another worker. */
  isFree(buckets: readonly string[]): boolean
  /** Waits until the call is let through; rejects when it is not, or is not wanted any more. Its place is free at once when its caller leaves. */
  wait(call: Call, ticket: Ticket): Promise<void>
}

/** What the queues of a worker are made with. */
export interface QueuesOptions {
  readonly numbersOf: (slot: number) => QueueNumbers
  readonly clock?: Clock
}

/** Makes the queues of a worker, all empty. */
export function workerQueues({ numbersOf, clock = realClock }: QueuesOptions): Queues {
  const rooms = new Map<number, { readonly room: QueueRoom; readonly queue: Queue }>()
  const busy = new Set<QueueRoom>()
  let isTold = false
  return {
    room: (slot) => {
      const known = rooms.get(slot)
      if (known !== undefined) return known.queue
      const room = new QueueRoom(numbersOf(slot), clock, busy)
      const queue = { isFree: (buckets: readonly string[]) => room.isFree(buckets), wait: waitIn(room) }
      rooms.set(slot, { room, queue })
      return queue
    },
    released: () => {
      if (busy.size === 0 || isTold) return
      // Many calls may end in one turn of the loop: whoever waits is looked at once.
      isTold = true
      clock.soon(() => {
        isTold = false
        for (const room of busy) room.pass(true)
      })
    },
  }
}

function waitIn(room: QueueRoom): Queue['wait'] {
  return (call, ticket) =>
    hold(call, (done, failed) => {
      const place: Place = room.enter(ticket, done, failed)
      return () => room.leave(place)
    })
}

const realClock: Clock = {
  now: () => performance.now(),
  soon: (run) => void setImmediate(run),
  every: (ms, run) => {
    const timer = setInterval(run, ms)
    return () => clearInterval(timer)
  },
}
