import t from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import { headers } from '../helpers/h2-frames.ts'
import { rawH2, request } from '../helpers/raw-h2.ts'
import type { Message } from '../helpers/strict-reader.ts'
import type { Field } from './h2-case.ts'
import { randomRequest, type RandomRequest } from './h2-random.ts'
import { chanceOf, seedOfRun } from './mutate.ts'

const requests = 2500
const seed = seedOfRun()

t.comment(`seed ${seed}; RELAY_SEED=${seed} has this run again`)

t.test(
  `${requests} random requests of HTTP/2 reach an origin of HTTP/1.1 as the one call that they are, or not at all`,
  { timeout: 110_000 },
  async (t) => {
    const world = await engineWorld(t)
    const chance = chanceOf(seed)
    const problems: string[] = []
    let forwarded = 0

    for (let k = 0; k < requests && problems.length < 5; k++) {
      const one = randomRequest(chance)
      const problem = await tried(world, one)
      if (problem !== null) problems.push(`seed ${seed}, request ${k}, ${problem}: ${JSON.stringify({ ...one, frames: undefined })}`)
      if (world.origin.calls.length === 2) forwarded++
    }

    t.strictSame(problems, [])
    t.ok(forwarded > requests / 10, `${forwarded} were forwarded`)
    t.equal(world.underWay.size, 0)
  },
)

/** Sends a request, and a good one behind it; what is wrong with what an origin saw of them, or null. */
async function tried(world: EngineWorld, one: RandomRequest): Promise<string | null> {
  const { origin } = world
  origin.forget()
  const client = await rawH2(world.port)
  await client.send(...one.frames)
  await client.over(1)
  await client.send(headers(3, request('GET', '/next')))
  await client.over(3)
  const status = client.status(3)
  client.destroy()
  if (world.bugs.length > 0) return `relay failed: ${String(world.bugs[0])}`
  if (status !== 200) return `the next call got ${status}, GOAWAY ${client.goaway}`
  const broken = origin.connections.find(({ problem }) => problem !== null)
  if (broken !== undefined) return `the origin cannot read what it got: ${broken.problem}`
  const [first, second, ...more] = origin.calls
  if (first === undefined || more.length > 0) return `the origin saw ${origin.calls.length} calls`
  if ((second ?? first).line[1] !== '/next') return 'the next call is not the last'
  return second === undefined ? null : unfaithful(first, one)
}

const framing = new Set(['host', 'content-length', 'transfer-encoding'])

/** What a call at the origin has that its caller did not say, or null. */
function unfaithful(call: Message, { fields, body, trailers }: RandomRequest): string | null {
  const said = (name: string): readonly string[] => fields.filter((field) => field[0] === name).map(([, value]) => value)
  for (const name of [':method', ':path', ':scheme']) if (said(name).length !== 1) return `${name} was not there once`
  if (call.line[0] !== said(':method')[0] || call.line[1] !== said(':path')[0]) return `the origin saw ${call.line.join(' ')}`
  const own = call.fields.filter(([name]) => !framing.has(name))
  const extra = own.find(([name, value]) => name !== 'cookie' && !has(fields, name, value))
  if (extra !== undefined) return `the origin saw ${JSON.stringify(extra)}`
  const crumbs = own.filter(([name]) => name === 'cookie')
  // The white space behind the last crumb is no part of a value.
  if (
    crumbs.length > 1 ||
    (crumbs.length === 1 &&
      crumbs[0]![1] !==
        said('cookie')
          .join('; ')
          .replaceAll(/^[ \t]+|[ \t]+$/g, ''))
  )
    return 'the cookie is another'
  if (call.body !== body) return `the origin got the body ${JSON.stringify(call.body)}`
  if (said('content-length').some((length) => Number(length) !== body.length)) return 'the length is not that of the body'
  const ends = call.trailers.every((line) => has(trailers, line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)))
  return ends ? null : `the origin got the trailers ${JSON.stringify(call.trailers)}`
}

function has(fields: readonly Field[], name: string, value: string): boolean {
  return fields.some((field) => field[0] === name && field[1] === value)
}
