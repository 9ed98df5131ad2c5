import { post, rawCall, type RawCall } from './caller.ts'
import { callerLines, someStream, streamRequest } from './events.ts'
import { chunk, lastChunk, origin, streamHead, type Origin, type OriginCall } from './origin.ts'

/** Many streams at once through one relay: each caller's text carries its own number, and the test says when it goes on. */
export interface Fleet {
  readonly upstream: Origin
  /** Opens streams numbered from 0; resolves when the first event of each has arrived. */
  readonly open: (port: number, count: number) => Promise<readonly Ship[]>
  /** The origin sends each stream its next event. */
  readonly step: () => void
  /** The origin sends all that is left, and ends each stream. */
  readonly finish: () => void
}

/** One of the streams. */
export interface Ship {
  readonly id: number
  readonly call: RawCall
  /** All bytes that it must get. */
  readonly expected: Buffer
}

interface Scope {
  teardown(work: () => unknown): unknown
}

/** Steps that a stream has between its first event and its last ones. */
const steps = 60

export async function fleet(t: Scope): Promise<Fleet> {
  const open = new Map<OriginCall, { readonly events: readonly Buffer[]; sent: number }>()
  const upstream = await origin(t, (call) => {
    const events = eventsOf(Number(call.fields.get('x-ship')))
    open.set(call, { events, sent: 1 })
    void call.closed.then(() => open.delete(call))
    call.socket.write(Buffer.concat([Buffer.from(streamHead), chunk(events[0]!)]))
  })
  return {
    upstream,
    open: async (port, count) => {
      const ships = Array.from({ length: count }, (_, id) => {
        const call = rawCall(port, post('/v1/messages', streamRequest, [...callerLines, `x-ship: ${id}`]))
        return { id, call, expected: Buffer.concat(eventsOf(id)) }
      })
      await Promise.all(ships.map(({ call, id }) => call.bytes(eventsOf(id)[0]!.length)))
      return ships
    },
    step: () => {
      for (const [{ socket }, state] of open) if (state.sent < steps) socket.write(chunk(state.events[state.sent++]!))
    },
    finish: () => {
      for (const [{ socket }, { events, sent }] of open)
        socket.write(Buffer.concat([...events.slice(sent).map(chunk), Buffer.from(lastChunk)]))
      open.clear()
    },
  }
}

function eventsOf(id: number): readonly Buffer[] {
  return someStream(Array.from({ length: steps }, (_, at) => `ship ${id} says ${at} – ${'ü'.repeat(id % 7)}`))
}
