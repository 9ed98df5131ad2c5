import { RelayError } from '../base/errors.ts'
import type { Call, Next, Reply, Stage } from '../engine/call.ts'
import { tickMs, type Sweep, type Timed } from '../engine/sweep.ts'
import { fieldText } from '../protocol/grpc/field.ts'
import { readConnectTimeout, readTimeout } from '../protocol/grpc/timeout.ts'
import type { Head } from '../protocol/head.ts'

/**
 * Holds a call to the time that its caller gives it as a whole: `grpc-timeout`, or Connect's. At its end the upstream is cancelled and
 * the caller told, in the middle of a stream too. One that has no time is refused before anything is done for it.
 */
export function grpcDeadline(sweep: Sweep): Stage {
  return (call, next) => {
    const asked = askedTimeout(call.head.fields)
    if (asked === null) return next(call)
    if (asked instanceof RelayError) return Promise.reject(asked)
    return within(asked, { call, next, sweep })
  }
}

/** The failure of a call whose time is over. */
export function deadlineExceeded(): RelayError {
  return new RelayError('timed_out', 'the deadline that the caller set is over')
}

/** In ms; null where the caller sets none. */
function askedTimeout(fields: Head): number | RelayError | null {
  const text = fieldText(fields, grpcTimeout)
  if (text !== null) return readTimeout(text) ?? malformed('grpc-timeout', text)
  const connect = fieldText(fields, connectTimeout)
  return connect === null ? null : (readConnectTimeout(connect) ?? malformed('connect-timeout-ms', connect))
}

function malformed(name: string, text: string): RelayError {
  return new RelayError('bad_request', `malformed ${name} ${JSON.stringify(text)}`)
}

interface Held {
  readonly call: Call
  readonly next: Next
  readonly sweep: Sweep
}

async function within(ms: number, { call, next, sweep }: Held): Promise<Reply> {
  call.deadlineAt = call.startedAt + ms
  if (call.deadlineAt <= performance.now()) throw deadlineExceeded()
  const deadline = new Deadline(call, sweep)
  try {
    const reply = await next(call)
    deadline.reply = reply
    if (!deadline.isOver) return reply
    reply.body.cancel('timed_out')
  } catch (error) {
    // Whatever it was doing met its end by this.
    if (!deadline.isOver) throw error
  }
  throw deadlineExceeded()
}

class Deadline implements Timed {
  deadline: number
  place = -1
  isOver = false
  reply: Reply | null = null
  private readonly call: Call
  private readonly sweep: Sweep

  constructor(call: Call, sweep: Sweep) {
    this.call = call
    this.sweep = sweep
    this.deadline = call.deadlineAt - tickMs
    sweep.add(this)
    call.onEnd(() => sweep.remove(this))
  }

  expire(): void {
    const { call, reply } = this
    this.isOver = true
    this.sweep.remove(this)
    const error = deadlineExceeded()
    if (reply !== null) return reply.body.fail('timed_out', error)
    const { work } = call
    call.work = null
    work?.cancel('timed_out')
    // Who reads it, whatever for, learns that nothing more will come.
    call.body.fail('timed_out', error)
  }
}

const grpcTimeout = Buffer.from('grpc-timeout')
const connectTimeout = Buffer.from('connect-timeout-ms')
