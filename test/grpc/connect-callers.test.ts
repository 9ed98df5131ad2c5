import { Code } from '@connectrpc/connect'
import t, { type Test } from 'tap'
import type { Say } from './echo-server.ts'
import { all, failureOf, nodeCallers, type NodeCaller } from './callers.ts'
import { grpcWorld, most, type GrpcWorld } from './world.ts'

for (const version of ['1.1', '2'] as const) {
  t.test(`callers of connect-node over HTTP/${version} reach a gRPC server through relay`, async (t) => {
    const world = await grpcWorld(t)
    for (const caller of nodeCallers(world.port, version)) {
      await t.test(caller.name, async (t) => {
        await answers(t, caller)
        await fails(t, caller)
        await leaves(t, caller, world)
        await runsOut(t, caller, world)
        if (version === '2') await chats(t, caller)
      })
    }
    t.same(world.bugs, [])
  })
}

const asked = { 'x-ask': 'ann', 'x-ask-bin': 'AAH/' }

async function answers(t: Test, caller: NodeCaller): Promise<void> {
  const once = await caller.once({ text: 'größe', count: 7, data: 'AAECAw==' }, { headers: asked })
  t.same(once.message, { text: 'größe', sum: '7', data: 'AAECAw==' })
  for (const [name, value] of Object.entries(asked)) {
    t.equal(once.header.get(name.replace('ask', 'lead'))?.replace(/=+$/, ''), value, `leading ${name}`)
    t.equal(once.trailer.get(name.replace('ask', 'trail'))?.replace(/=+$/, ''), value, `trailing ${name}`)
  }

  const counted = await caller.count({ text: 'n', count: 3 }, { headers: asked })
  t.same(await all(counted), [{ text: 'n1' }, { text: 'n2' }, { text: 'n3' }])
  t.equal(counted.header.get('x-lead'), 'ann')
  t.equal(counted.trailer.get('x-trail'), 'ann')

  t.same(
    await all(
      await caller.sum([
        { text: 'a', count: 1 },
        { text: 'b', count: 2 },
      ]),
    ),
    [{ text: 'a b', sum: '3' }],
  )
  t.same(await all(await caller.count({ count: 0 })), [], 'a stream may be empty')
}

async function fails(t: Test, caller: NodeCaller): Promise<void> {
  for (const code of [1, 3, 5, 8, 13, 16]) {
    const error = await failureOf(caller.once({ fail: code }, { headers: asked }))
    t.equal(error.code, code, 'the code of a unary call')
    t.equal(error.rawMessage, `größe 100 % (${code})`)
    t.equal(error.metadata.get('x-trail'), 'ann')
    t.match(error.details, [{ type: 'google.rpc.RetryInfo' }])
  }
  const counted = await caller.count({ count: 2, fail: 9 }, { headers: asked })
  const read: unknown[] = []
  const error = await failureOf(
    (async () => {
      for await (const message of counted.messages) read.push(message)
    })(),
  )
  t.equal(read.length, 2, 'what came before the error arrived')
  t.equal(error.code, Code.FailedPrecondition)
  t.equal(error.metadata.get('x-trail'), 'ann')
  t.match(error.details, [{ type: 'google.rpc.RetryInfo' }])

  // Of gRPC nothing is read: this is what its caller makes of a number that nobody knows.
  const unknown = caller.name === 'gRPC' ? Code.Internal : Code.Unknown
  for (const odd of [17, 2 ** 31 - 1]) t.equal((await failureOf(caller.once({ fail: odd }))).code, unknown, `status ${odd}`)
  if (caller.name.startsWith('Connect'))
    t.equal((await failureOf(caller.once({ data: Buffer.alloc(most * 2).toString('base64') }))).code, Code.ResourceExhausted)
}

async function leaves(t: Test, caller: NodeCaller, { upstream, calls }: GrpcWorld): Promise<void> {
  for (const begin of [
    (signal: AbortSignal) => caller.once({ hang: true }, { signal }),
    async (signal: AbortSignal) => all(await caller.count({ count: 2, hang: true }, { signal })),
  ]) {
    const { begun, cancelled } = upstream
    const stop = new AbortController()
    const failure = failureOf(begin(stop.signal))
    await upstream.until(() => upstream.begun > begun)
    stop.abort()
    t.equal((await failure).code, Code.Canceled)
    await upstream.until(() => upstream.cancelled > cancelled)
    await calls.until(() => calls.underWay.size === 0)
    t.match(calls.ends.at(-1), 'cancelled')
  }
}

async function runsOut(t: Test, caller: NodeCaller, { upstream, calls }: GrpcWorld): Promise<void> {
  await caller.once({}, { timeoutMs: 60_000 })
  t.ok(upstream.timeLeft > 50_000 && upstream.timeLeft <= 60_000, `the upstream has ${upstream.timeLeft} ms of 60 s`)
  await caller.once({})
  t.equal(upstream.timeLeft, Infinity)

  t.equal((await failureOf(caller.once({ hang: true }, { timeoutMs: 100 }))).code, Code.DeadlineExceeded)
  const counted = async (): Promise<unknown> => all(await caller.count({ count: 2, hang: true }, { timeoutMs: 100 }))
  t.equal((await failureOf(counted())).code, Code.DeadlineExceeded)
  // A call whose time was over before it went out is none there.
  await upstream.until(() => upstream.cancelled === upstream.begun)
  await calls.until(() => calls.underWay.size === 0)
}

async function chats(t: Test, caller: NodeCaller): Promise<void> {
  const answered = Promise.withResolvers<void>()
  const says = async function* (): AsyncGenerator<Say> {
    yield { text: 'one' }
    await answered.promise
    yield { text: 'two' }
  }
  const read: unknown[] = []
  const { messages } = await caller.chat(says())
  for await (const message of messages) {
    read.push(message.text)
    answered.resolve()
  }
  t.same(read, ['one', 'two'], 'each side hears the other while it speaks')
}
