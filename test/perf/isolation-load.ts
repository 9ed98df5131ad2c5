import { connect, type Socket } from 'node:net'
import { Column } from './numbers.ts'
import { serve } from './serve.ts'

/** A steady load: so many calls a second, whether the ones before have been answered or not. */
export interface Stream {
  readonly port: number
  readonly rate: number
  readonly connections: number
  /** The whole request. */
  readonly request: string
}

/** How a load went: counts by status, and how long calls took from the moment they were due, in ms. */
export interface StreamRun {
  readonly passed: number
  readonly refused: number
  readonly failed: number
  /** Calls that found no connection free. */
  readonly late: number
  readonly p50: number
  readonly p99: number
}

serve({
  run: async (seconds: number, streams: readonly Stream[]): Promise<readonly StreamRun[]> =>
    Promise.all(streams.map((one) => run(one, seconds))),
})

const settleMs = 500

async function run(stream: Stream, seconds: number): Promise<StreamRun> {
  const lanes = await Promise.all(Array.from({ length: stream.connections }, async () => lane(stream)))
  const told = { passed: 0, refused: 0, failed: 0, late: 0 }
  const times = new Column()
  const started = performance.now()
  const total = stream.rate * seconds
  let sent = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * stream.rate))
      for (; sent < due; sent++) call(started + (sent * 1000) / stream.rate)
      if (sent < total) return
      clearInterval(timer)
      setTimeout(resolve, settleMs)
    }, 1)
  })
  for (const { socket } of lanes) socket.destroy()
  return { ...told, p50: times.percentile(50), p99: times.percentile(99) }

  function call(dueAt: number): void {
    const free = lanes.find(({ isBusy }) => !isBusy)
    if (free === undefined) return void told.late++
    free.isBusy = true
    free.answered = (status) => {
      free.isBusy = false
      if (status === 200) times.add(performance.now() - dueAt)
      told[status === 200 ? 'passed' : status === 429 ? 'refused' : 'failed']++
    }
    free.socket.write(stream.request)
  }
}

interface Lane {
  readonly socket: Socket
  isBusy: boolean
  answered: (status: number) => void
}

/** One connection: its replies have a length and come in their order. */
async function lane({ port }: Stream): Promise<Lane> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const made: Lane = { socket, isBusy: false, answered: () => undefined }
  let text = ''
  socket.on('error', () => undefined)
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
    if (text.length < end + 4 + length) return
    const status = Number(text.slice(9, 12))
    text = ''
    made.answered(status)
  })
  return made
}
