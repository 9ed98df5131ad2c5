import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import type { OriginConnection } from '../helpers/recording-origin.ts'
import type { Message } from '../helpers/strict-reader.ts'
import { allRequests, boundedRequests, requestWorld } from './judge-request.ts'
import { chanceOf, inPieces, mutated, seedOfRun, type Chance } from './mutate.ts'
import { originForm, readAnswer, readInput, uncleanness } from './read-input.ts'
import { replyBodies } from './replies-body.ts'
import { replyHeads } from './replies-head.ts'

const requests = 20_000
const replies = 6000
const seed = seedOfRun()

t.comment(`seed ${seed}; RELAY_SEED=${seed} has this run again`)

t.test(`${requests} mutated requests are refused, or are exactly the calls that stand there`, { timeout: 110_000 }, async (t) => {
  const world = await requestWorld(t)
  const chance = chanceOf(seed)
  const sources = sourcesOf([...allRequests, ...boundedRequests])
  const problems: string[] = []
  let forwarded = 0

  for (let k = 0; k < requests && problems.length < 5; k++) {
    const text = mutated(chance.pick(sources).raw, chance)
    const { problem, count } = await tryRequest(world, text, chance)
    if (problem !== null) problems.push(`seed ${seed}, message ${k}, ${problem}: ${JSON.stringify(text)}`)
    if (count > 0) forwarded++
  }

  t.strictSame(problems, [])
  t.ok(forwarded > requests / 10, `${forwarded} were forwarded`)
  t.equal(world.underWay.size, 0)
  t.equal(world.gauges.waiting, 0)
})

t.test(
  `${replies} mutated replies pass as what stands there, or are refused, or show that they are cut`,
  { timeout: 110_000 },
  async (t) => {
    const world = await engineWorld(t)
    const chance = chanceOf(seed + 1)
    const sources = sourcesOf([...replyHeads, ...replyBodies])
    const problems: string[] = []
    let passed = 0

    for (let k = 0; k < replies && problems.length < 5; k++) {
      const one = chance.pick(sources)
      const text = mutated(one.raw, chance)
      const { problem, isPassed } = await tryReply(world, { ask: one.ask, text }, chance)
      if (problem !== null) problems.push(`seed ${seed}, message ${k}, ${problem}: ${JSON.stringify(text)}`)
      if (isPassed) passed++
    }

    t.strictSame(problems, [])
    t.ok(passed > replies / 10, `${passed} passed`)
    t.equal(world.underWay.size, 0)
  },
)

interface Source {
  readonly raw: string
  readonly expect: { readonly is: string }
}

/** What is good counts four times: a bad message seldom becomes a good one. */
function sourcesOf<T extends Source>(all: readonly T[]): readonly T[] {
  const short = all.filter(({ raw }) => raw.length < 700)
  const good = short.filter(({ expect }) => expect.is === 'passed')
  return [...short, ...good, ...good, ...good]
}

async function tryRequest(world: EngineWorld, text: string, chance: Chance): Promise<{ problem: string | null; count: number }> {
  const { origin } = world
  origin.forget()
  const client = await world.connect()
  await client.send(...inPieces(text, chance))
  await world.settled(client)
  await client.leave()
  await emptied(world)

  const calls = readInput(text)
  // A refusal is told in full, whatever the method of what was refused.
  const { all, rest } = client.replies(origin.calls.map(({ line }) => line[0]))
  const statuses = all.map(({ line }) => Number(line[1]))
  const count = origin.calls.length
  const good = statuses.filter((status) => status === 200).length
  const problem =
    originProblem(world, calls) ??
    (rest === '' ? null : 'the last answer is not whole') ??
    (good === count ? null : `${good} answers to ${count} calls`) ??
    (statuses.slice(0, -1).every((status) => status === 200) ? null : 'something was answered behind a refusal')
  return { problem, count }
}

/** Until the caller's connection is gone on relay's side too. */
async function emptied(world: EngineWorld): Promise<void> {
  while (world.server.size > 0 || world.underWay.size > 0) await turn()
}

function originProblem({ origin, bugs }: EngineWorld, calls: readonly Message[]): string | null {
  if (bugs.length > 0) return `relay failed: ${String(bugs[0])}`
  for (const { problem, rest, isOver } of origin.connections) {
    if (problem !== null) return `the origin cannot read what it got (${problem})`
    if (rest !== '' && !isOver) return 'something is left over at the origin'
  }
  if (origin.calls.length > calls.length) return `${origin.calls.length} calls were made of ${calls.length}`
  for (const [k, got] of origin.calls.entries()) {
    const asked = calls[k]!
    const isSame = got.line[0] === asked.line[0] && got.line[1] === originForm(asked.line[1]) && got.body === asked.body
    if (!isSame) return `call ${k} became another: ${JSON.stringify(got.raw)}`
    const unclean = uncleanness(got)
    if (unclean !== null) return unclean
  }
  return null
}

interface Exchange {
  readonly ask: string
  readonly text: string
}

async function tryReply(
  world: EngineWorld,
  { ask, text }: Exchange,
  chance: Chance,
): Promise<{ problem: string | null; isPassed: boolean }> {
  world.origin.forget()
  const asked = Promise.withResolvers<OriginConnection>()
  world.origin.answer = (_call, connection) => asked.resolve(connection)
  const client = await world.connect()
  await client.send(ask)
  const connection = await asked.promise
  await connection.send(...inPieces(text, chance))
  connection.socket.end()
  await world.settled(client)
  await client.leave()
  await emptied(world)

  const method = ask.slice(0, ask.indexOf(' '))
  const said = readAnswer(text, method)
  const { all, rest, isMalformed } = client.replies([method])
  const last = all.at(-1)
  if (isMalformed) return { problem: `the caller got ${JSON.stringify(client.received)}`, isPassed: false }
  if (world.bugs.length > 0) return { problem: `relay failed: ${String(world.bugs[0])}`, isPassed: false }
  if (rest !== '' || last === undefined || Number(last.line[1]) < 200) return { problem: null, isPassed: false }
  const isSame = said !== null && last.line[1] === said.reply.line[1] && last.body === said.reply.body
  const isRefused = last.line[1] === '502'
  return { problem: isSame || isRefused ? null : `the caller got ${JSON.stringify(client.received)}`, isPassed: isSame }
}
