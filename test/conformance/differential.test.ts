import t from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import type { Message } from '../helpers/strict-reader.ts'
import { allRequests, boundedRequests, requestWorld } from './judge-request.ts'
import { isKnownCall, isKnownReply } from './known-differences.ts'
import { chanceOf, mutated, seedOfRun } from './mutate.ts'
import { nodeHttp, type NodeCall, type NodeHttp } from './node-http.ts'
import { originForm, readAnswer, readInput } from './read-input.ts'
import { replyBodies } from './replies-body.ts'
import { replyHeads } from './replies-head.ts'

const generated = 4000
const seed = seedOfRun()

t.comment(`seed ${seed}; RELAY_SEED=${seed} has this run again`)

t.test('what relay forwards is what Node reads too, in what the caller sent and in what the origin got', async (t) => {
  const world = await requestWorld(t)
  const node = await nodeHttp(t)
  const chance = chanceOf(seed)
  const sources = [...allRequests, ...boundedRequests].filter(({ raw }) => raw.length < 5000)
  const good = sources.filter(({ expect }) => expect.is === 'passed')
  const texts = [...sources.map(({ raw }) => raw), ...Array.from({ length: generated }, () => mutated(chance.pick(good).raw, chance))]
  const problems: string[] = []

  for (const text of texts) {
    const calls = await forwarded(world, text)
    const problem = calls.length === 0 ? null : await callProblem(node, text, calls)
    if (problem !== null) problems.push(`seed ${seed}, ${problem}: ${JSON.stringify(text)}`)
  }

  t.strictSame(problems.slice(0, 10), [])
})

t.test('what relay passes as a reply is what Node reads too, in what the origin sent and in what the caller got', async (t) => {
  const world = await engineWorld(t)
  const node = await nodeHttp(t)
  const chance = chanceOf(seed + 1)
  const sources = [...replyHeads, ...replyBodies].filter(({ raw }) => raw.length < 5000)
  const good = sources.filter(({ expect }) => expect.is === 'passed')
  const texts = [
    ...sources.map(({ ask, raw }) => ({ ask, text: raw })),
    ...Array.from({ length: generated / 2 }, () => chance.pick(good)).map(({ ask, raw }) => ({ ask, text: mutated(raw, chance) })),
  ]
  const problems: string[] = []

  for (const { ask, text } of texts) {
    const problem = await replyProblem(world, node, { ask, text })
    if (problem !== null) problems.push(`seed ${seed}, ${problem}: ${JSON.stringify(text)}`)
  }

  t.strictSame(problems.slice(0, 10), [])
})

/** The calls that the origin gets. */
async function forwarded(world: EngineWorld, text: string): Promise<readonly Message[]> {
  world.origin.forget()
  const client = await world.connect()
  await client.send(text)
  await world.settled(client)
  await client.leave()
  return [...world.origin.calls]
}

async function callProblem(node: NodeHttp, text: string, calls: readonly Message[]): Promise<string | null> {
  if (calls.some(isKnownCall)) return null
  for (const call of calls) {
    const read = await node.readCalls(call.raw)
    if (read.length !== 1 || !isSame(read[0], call)) return `Node reads what the origin got as ${JSON.stringify(read)}`
  }
  // One at a time: where a bad message follows in the same read, Node forgets the good one before it.
  for (const [k, { raw }] of readInput(text).slice(0, calls.length).entries()) {
    const read = await node.readCalls(raw)
    if (read.length !== 1 || !isSame(read[0], calls[k]!)) return `Node reads what the caller sent as ${JSON.stringify(read)}`
  }
  return null
}

function isSame(read: NodeCall | undefined, call: Message): boolean {
  return read !== undefined && read.method === call.line[0] && originForm(read.target) === call.line[1] && read.body === call.body
}

interface Exchange {
  readonly ask: string
  readonly text: string
}

async function replyProblem(world: EngineWorld, node: NodeHttp, { ask, text }: Exchange): Promise<string | null> {
  const method = ask.slice(0, ask.indexOf(' '))
  const received = await passedReply(world, { ask, text })
  const got = received === null ? null : readAnswer(received, method)
  if (received === null || got === null) return null
  const status = Number(got.reply.line[1])
  if (status === 502 || isKnownReply(text)) return null
  const { body } = got.reply
  const fromRelay = await node.readReply(received, method)
  if (fromRelay?.status !== status || fromRelay.body !== body) return `Node reads what the caller got as ${JSON.stringify(fromRelay)}`
  const fromOrigin = await node.readReply(text, method)
  const isRight = fromOrigin?.status === status && fromOrigin.body === body
  return isRight ? null : `Node reads what the origin sent as ${JSON.stringify(fromOrigin)}`
}

/** The bytes that the caller gets, or null where they break off by a reset. */
async function passedReply(world: EngineWorld, { ask, text }: Exchange): Promise<string | null> {
  world.origin.forget()
  world.origin.answer = (_call, connection) => connection.socket.end(Buffer.from(text, 'latin1'))
  const client = await world.connect()
  await client.send(ask)
  await client.answers(1, [ask.slice(0, ask.indexOf(' '))])
  await world.settled(client)
  await client.leave()
  return client.isReset ? null : client.received
}
