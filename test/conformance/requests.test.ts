import t from 'tap'
import { byteByByte, cutAt } from '../helpers/raw.ts'
import type { EngineWorld } from '../helpers/engine-world.ts'
import type { RequestCase } from './case.ts'
import { allRequests, boundedRequests, judgeRequest, longRequests, requestWorld } from './judge-request.ts'

const shortest = 130

t.test('the table has at least 170 raw requests, each with a name of its own', async (t) => {
  const names = [...allRequests, ...boundedRequests, ...longRequests].map(({ name }) => name)

  t.ok(names.length >= 170, `${names.length} requests`)
  t.equal(new Set(names).size, names.length)
})

t.test('a request message is refused, or exactly the calls it says', async (t) => {
  const world = await requestWorld(t)

  for (const one of [...allRequests, ...longRequests]) t.strictSame(await problems(world, one, [[one.raw]]), [], one.name)
})

t.test('so it is when it comes byte by byte', async (t) => {
  const world = await requestWorld(t)

  for (const one of allRequests) t.strictSame(await problems(world, one, [byteByByte(one.raw)]), [], one.name)
})

t.test('so it is when it is cut in two anywhere', async (t) => {
  const world = await requestWorld(t)

  for (const one of allRequests) {
    if (one.raw.length <= shortest) t.strictSame(await problems(world, one, everyCut(one.raw)), [], one.name)
  }
})

t.test('so it is where heads are bounded tightly, and on connections with several messages', async (t) => {
  const world = await requestWorld(t, true)

  for (const one of boundedRequests) {
    const cuts = one.raw.length <= 300 ? everyCut(one.raw) : aroundBounds(one.raw)
    t.strictSame(await problems(world, one, [[one.raw], byteByByte(one.raw), ...cuts]), [], one.name)
  }
})

async function problems(world: EngineWorld, one: RequestCase, runs: readonly (readonly string[])[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const pieces of runs) {
    const problem = await judgeRequest(world, one, pieces)
    if (problem !== null) found.push(`cut as ${JSON.stringify(pieces.map((piece) => piece.length))}: ${problem}`)
  }
  return found.slice(0, 3)
}

function everyCut(raw: string): readonly (readonly string[])[] {
  return Array.from({ length: raw.length - 1 }, (_, k) => cutAt(raw, [k + 1]))
}

function aroundBounds(raw: string): readonly (readonly string[])[] {
  return [1020, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 1028].filter((at) => at < raw.length).map((at) => cutAt(raw, [at]))
}
