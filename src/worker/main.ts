import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { logger } from '../base/log.ts'
import type { FromWorker, SocketMessage, ToWorker } from '../control/messages.ts'
import type { WorkerData } from '../control/worker-data.ts'
import { Server } from '../engine/server.ts'
import { Slab } from '../engine/slab.ts'
import { Sweep } from '../engine/sweep.ts'
import { workerColumn } from '../metrics/column.ts'
import { watchLag } from '../metrics/lag.ts'
import { failureIndex } from '../metrics/layout.ts'
import { asking } from './ask.ts'
import { compile, type Snapshot } from './compile.ts'
import { drain } from './drain.ts'
import { errorReply } from './error-reply.ts'
import { doors } from './listeners.ts'
import { openServices } from './open-services.ts'
import { upstreamPools } from './pools.ts'

// The composition root of the data plane: one a core, each with its own connections, pools and snapshot.
// Control alone starts this file, and always with this data.
const data = workerData as WorkerData
const { index, numbers, logLevel, logFd } = data
const port = parentPort!
const column = workerColumn(numbers, index)
const log = logger({ level: logLevel, fd: logFd, base: { worker: index } })
const slab = new Slab()
const sweep = new Sweep()
const pools = upstreamPools({ slab, sweep, column })
const prepared = new Map<number, { readonly snapshot: Snapshot; readonly listeners: Prepare['listeners'] }>()
const hurry = new AbortController()
const closing = new AbortController()
let current: Snapshot | null = null
const questions = asking({ say })
const services = openServices(data, { asking: questions, column, shed: () => current?.plan.shed ?? null })

/** What the ledger and Redis get to take what is left, in ms. */
const servicesCloseMs = 2000

/** What pools get to close their connections in at the end, in ms. */
const poolsCloseMs = 500

type Prepare = Extract<ToWorker, { is: 'prepare' }>

const server = new Server(
  {
    slab,
    sweep,
    handle: (call) => current!.handle(call),
    errorReply,
    isTrusted: (address) => current!.trust(address),
    connectionOpened: () => column.connectionOpened(),
    connectionClosed: () => column.connectionClosed(),
    refused: (failure) => column.refused(failureIndex(failure)),
    bug: (error) => log.error({ error }, 'relay failed: this should not happen'),
  },
  { head: 32_768, fields: 100, headMs: 15_000, idleMs: 75_000, bodyMs: 60_000, writeMs: 300_000, streams: 100 },
  `req_${index}${randomBytes(6).toString('hex')}`,
)
const entrance = doors({
  accept: (socket, speaksHttp2) => server.accept(socket, speaksHttp2),
  handshakeMs: () => server.limits.headMs,
  mostConnections,
  connections: () => server.size,
  troubled,
})

port.on('message', (message: ToWorker | SocketMessage) => {
  switch (message.is) {
    case 'socket':
      // The message carries a net.Socket: it was transferred beside it.
      return entrance.enter(message.listener, message.socket as Socket)
    case 'prepare':
      return prepare(message)
    case 'commit':
      return commit(message.version)
    case 'discard':
      return discard(message.version)
    case 'listen':
      return void listen(message.reusePort)
    case 'closing':
      closing.abort()
      return server.close()
    case 'drain':
      return void drainAll(message.grace, message.streamGrace)
    case 'cut':
      return hurry.abort()
    case 'answer':
      return questions.answered(message.question, message.answer)
    case 'unanswered':
      return questions.unanswered(message.question, message.why)
    case 'directory':
      return services.useDirectory(message.memory)
    case 'forget':
      services.limiter.forget()
      return say({ is: 'forgotten', round: message.round })
    case 'ledger':
      return services.useLedger(message.port)
  }
})
// Whoever watches relay's health listens to it.
setMaxListeners(0, closing.signal)
watchLag((ms) => column.eventLoopLag(ms))
setInterval(tellTotals, 1000).unref()
say({ is: 'ready' })

function say(message: FromWorker): void {
  port.postMessage(message)
}

function troubled(error: Error): void {
  log.error({ error }, 'a listening socket has trouble')
}

/** Counts that are kept elsewhere, told now and then. */
function tellTotals(): void {
  column.logDropped(log.dropped())
  column.redisRoundTrips(services.roundTrips())
  const { ledger } = services
  if (ledger !== null) column.ledgerMissed(ledger.lost, ledger.dropped)
}

/** The process's bound, shared out evenly: without control in between no worker knows what the others hold. */
function mostConnections(): number {
  return current === null ? 0 : Math.ceil(current.plan.bounds.connections / current.plan.workers)
}

function prepare({ version, plan, listeners, slots }: Prepare): void {
  try {
    prepared.set(version, {
      snapshot: compile({ version, plan, slots, column, log, sweep, pools, services, closing: closing.signal }),
      listeners,
    })
    say({ is: 'prepared', version })
  } catch (error) {
    keepUsedPools()
    say({ is: 'rejected', version, problems: [{ path: '', message: error instanceof Error ? error.message : String(error) }] })
  }
}

function commit(version: number): void {
  const next = prepared.get(version)
  if (next === undefined) return
  prepared.delete(version)
  current = next.snapshot
  server.limits = current.limits
  log.setLevel(current.plan.log.level)
  entrance.use(next.listeners)
  keepUsedPools()
  say({ is: 'committed', version })
}

function discard(version: number): void {
  prepared.delete(version)
  keepUsedPools()
}

function keepUsedPools(): void {
  const used = [...prepared.values()].map(({ snapshot }) => snapshot)
  pools.keepOnly(new Set([...used, ...(current === null ? [] : [current])].flatMap((snapshot) => [...snapshot.pools])))
}

async function listen(reusePort: boolean): Promise<void> {
  await entrance.listen(reusePort)
  say({ is: 'listening' })
}

async function drainAll(grace: number, streamGrace: number): Promise<void> {
  entrance.close()
  const cut = await drain(server, { grace, streamGrace, hurry: hurry.signal })
  // No call is left: a connection that is still being made is nobody's, and must not hold up the end.
  await Promise.race([pools.close(), pause(poolsCloseMs, undefined, { ref: false })])
  await services.close(servicesCloseMs)
  tellTotals()
  await log.flush()
  say({ is: 'drained', cut })
}
