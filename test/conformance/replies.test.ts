import t from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import { byteByByte, cutAt } from '../helpers/raw.ts'
import { judgeReply } from './judge-reply.ts'
import { replyBodies } from './replies-body.ts'
import { replyHeads } from './replies-head.ts'
import type { ReplyCase } from './reply-case.ts'

const all = [...replyHeads, ...replyBodies]
const shortest = 90
const longest = 3000

t.test('the table has at least 80 raw replies, each with a name of its own', async (t) => {
  t.ok(all.length >= 80, `${all.length} replies`)
  t.equal(new Set(all.map(({ name }) => name)).size, all.length)
})

t.test('a reply passes as it says, or is a 502, or shows that it is cut', async (t) => {
  const world = await engineWorld(t)

  for (const one of all) t.strictSame(await problems(world, one, [[one.raw]]), [], one.name)
})

t.test('so it is when it comes byte by byte', async (t) => {
  const world = await engineWorld(t)

  for (const one of all) if (one.raw.length <= longest) t.strictSame(await problems(world, one, [byteByByte(one.raw)]), [], one.name)
})

t.test('so it is when it is cut in two anywhere', async (t) => {
  const world = await engineWorld(t)

  for (const one of all) if (one.raw.length <= shortest) t.strictSame(await problems(world, one, everyCut(one.raw)), [], one.name)
})

async function problems(world: EngineWorld, one: ReplyCase, runs: readonly (readonly string[])[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const pieces of runs) {
    const problem = await judgeReply(world, one, pieces)
    if (problem !== null) found.push(`cut as ${JSON.stringify(pieces.map((piece) => piece.length))}: ${problem}`)
  }
  return found.slice(0, 3)
}

function everyCut(raw: string): readonly (readonly string[])[] {
  return Array.from({ length: Math.max(0, raw.length - 1) }, (_, k) => cutAt(raw, [k + 1]))
}
