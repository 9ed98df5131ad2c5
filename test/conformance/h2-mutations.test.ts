import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bench } from '../engine/helpers.ts'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import {
  FrameReader,
  FrameType,
  block,
  data,
  endHeaders,
  endStream,
  frame,
  headers,
  ping,
  preface,
  settings,
  settingsAck,
  windowUpdate,
} from '../helpers/h2-frames.ts'
import { rawH2, rawH2Silent, request } from '../helpers/raw-h2.ts'
import { framesInPieces, mutatedFrames } from './h2-mutate.ts'
import { chanceOf, seedOfRun } from './mutate.ts'

const sessions = 3000
const replies = 2000
const seed = seedOfRun()

t.comment(`seed ${seed}; RELAY_SEED=${seed} has this run again`)

const post = request('POST', '/a', ['content-type', 'text/plain'])
const callers: readonly (readonly Buffer[])[] = [
  [preface, settings([4, 100_000]), settingsAck, headers(1, request('GET', '/a')), headers(3, request('GET', '/b'))],
  [preface, settings(), headers(1, post, endHeaders), data(1, 'abc'), data(1, 'def', endStream), ping(), windowUpdate(0, 1000)],
  [preface, settings(), headers(1, post, endHeaders), data(1, 'abc'), headers(1, block(['x-sum', '1'])), windowUpdate(1, 5)],
  [preface, settings([4, 0]), headers(1, request('GET', '/a')), settings([4, 10]), windowUpdate(1, 1), settings([1, 0], [4, 65_535])],
  [
    preface,
    settings(),
    headers(1, post.subarray(0, 10), 0),
    frame(FrameType.continuation, 0, 1, post.subarray(10, 20)),
    frame(FrameType.continuation, endHeaders, 1, post.subarray(20)),
    data(1, 'x', endStream),
  ],
]

t.test(`${sessions} mutated sessions of callers end or go on, and leave nothing behind`, { timeout: 110_000 }, async (t) => {
  const world = await engineWorld(t)
  const chance = chanceOf(seed)
  const problems: string[] = []

  for (let k = 0; k < sessions && problems.length < 3; k++) {
    const frames = mutatedFrames(chance.pick(callers), chance)
    const pieces = framesInPieces(frames, chance)
    const problem = await tryCaller(world, pieces)
    if (problem !== null) problems.push(`seed ${seed}, session ${k}, ${problem}: ${pieces.map((piece) => piece.toString('hex')).join(' ')}`)
  }

  t.strictSame(problems, [])
  const other = await rawH2(world.port)
  await other.send(headers(1, request('GET', '/a')))
  await other.over(1)
  t.equal(other.status(1), 200)
  other.destroy()
})

async function tryCaller(world: EngineWorld, pieces: readonly Buffer[]): Promise<string | null> {
  const { origin, bugs, server, underWay } = world
  origin.forget()
  const client = await rawH2Silent(world.port)
  for (const piece of pieces) await client.send(piece)
  client.destroy()
  while (server.size > 0 || underWay.size > 0) await turn()
  if (bugs.length > 0) return `relay failed: ${String(bugs[0])}`
  const broken = origin.connections.find(({ problem }) => problem !== null)
  return broken === undefined ? null : `the origin cannot read what it got: ${broken.problem}`
}

const plain = block([':status', '200'], ['content-type', 'text/plain'])
const sized = block([':status', '200'], ['content-length', '6'], ['x-own', 'a'])
const answers: readonly (readonly Buffer[])[] = [
  [headers(1, plain, endHeaders), data(1, 'abc'), data(1, 'def', endStream)],
  [settings([3, 1]), headers(1, sized, endHeaders), data(1, 'abc'), data(1, 'def', endStream), ping()],
  [
    headers(1, block([':status', '103'], ['link', '</a>']), endHeaders),
    headers(1, plain, endHeaders),
    data(1, 'abc'),
    headers(1, block(['x-sum', '1'])),
  ],
  [headers(1, block([':status', '204']))],
  [headers(1, plain.subarray(0, 7), 0), frame(FrameType.continuation, endHeaders, 1, plain.subarray(7)), data(1, 'abcdef', endStream)],
]

t.test(
  `${replies} mutated sessions of origins give a caller of HTTP/1.1 a reply, a refusal, or one that shows that it is cut`,
  { timeout: 110_000 },
  async (t) => {
    const chance = chanceOf(seed + 1)
    const origin = await mutatingOrigin(t)
    const { world, ended, watched, call } = await bench(t, { port: origin.port, pool: { http: 2 } })
    const problems: string[] = []
    const statuses = new Set<string>()

    for (let k = 0; k < replies && problems.length < 3; k++) {
      const pieces = framesInPieces(mutatedFrames(chance.pick(answers), chance), chance)
      const isAtOnce = chance.below(8) === 0
      origin.next(isAtOnce ? [settings(), ...pieces] : pieces, isAtOnce)
      const client = await call('GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
      await watched.until(() => ended.length === k + 1)
      await client.ended()
      const { all, rest, isMalformed } = client.replies(['GET'])
      const finals = all.filter(({ line }) => Number(line[1]) >= 200)
      const problem =
        world.bugs.length > 0
          ? `relay failed: ${String(world.bugs[0])}`
          : isMalformed || finals.length > 1
            ? `the caller got ${JSON.stringify(client.received)}`
            : finals.length === 0 && rest === ''
              ? 'the caller got nothing'
              : null
      if (problem !== null) problems.push(`seed ${seed}, reply ${k}, ${problem}: ${pieces.map((piece) => piece.toString('hex')).join(' ')}`)
      for (const { line } of finals) statuses.add(line[1])
      await origin.over()
    }

    t.strictSame(problems, [])
    t.ok(statuses.has('200') && statuses.has('502'), [...statuses].join())
  },
)

interface MutatingOrigin {
  readonly port: number
  /** What the next session says once it has been asked, or with its greeting at once; then it closes. Those behind it answer well. */
  next(pieces: readonly Buffer[], isAtOnce: boolean): void
  /** Resolves when no session is open. */
  over(): Promise<void>
}

async function mutatingOrigin(t: Test): Promise<MutatingOrigin> {
  const good = { pieces: [headers(1, plain, endHeaders), data(1, 'again', endStream)], isAtOnce: false }
  let said = good
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    const { pieces, isAtOnce } = said
    said = good
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    if (isAtOnce) void say(socket, pieces)
    else {
      socket.write(settings())
      whenAsked(socket, () => void say(socket, [settingsAck, ...pieces]))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    // A server that listens on a port of TCP has an AddressInfo.
    port: (server.address() as AddressInfo).port,
    next: (pieces, isAtOnce) => void (said = { pieces: [...pieces], isAtOnce }),
    over: async () => {
      while (sockets.size > 0) await turn()
    },
  }
}

/** Tells once that HEADERS have come. */
function whenAsked(socket: Socket, tell: () => void): void {
  const reader = new FrameReader()
  let rest: Buffer = Buffer.alloc(0)
  let isTold = false
  socket.on('data', (chunk: Buffer) => {
    if (isTold) return
    rest = Buffer.concat([rest, chunk])
    if (rest.length < preface.length) return
    isTold = reader.read(rest.subarray(preface.length)).some(({ type }) => type === FrameType.headers)
    rest = rest.subarray(0, preface.length)
    if (isTold) tell()
  })
}

async function say(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return
    socket.write(piece)
    await turn()
  }
  socket.resume().end()
}
