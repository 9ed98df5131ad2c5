import t from 'tap'
import { shed } from '../../src/stages/shed.ts'
import { watchLoad } from '../../src/worker/load.ts'
import { callOf } from '../engine/shapes.ts'
import { outcomeOf } from './helpers.ts'

interface World {
  readonly look: (lateMs: number, heap?: number) => boolean
  plan: { lagMs: number | null; heap: number | null }
}

function world(t: { teardown(end: () => void): void }): World {
  const state = { plan: { lagMs: 100 as number | null, heap: 0.9 as number | null } }
  let now = 0
  let heap = 0
  const load = watchLoad({ plan: () => state.plan, probeMs: 10, now: () => now, heap: () => heap })
  t.teardown(() => load.stop())
  return Object.assign(state, {
    look: (lateMs: number, part = 0) => {
      now += 10 + lateMs
      heap = part
      load.probe()
      return load.isOverloaded
    },
  })
}

t.test('a loop that is late twice in a row is overloaded, until it is on time again; once is a hiccup', (t) => {
  const { look } = world(t)

  t.same([look(500), look(0), look(500), look(101), look(200), look(100)], [false, false, false, true, true, false])
  t.end()
})

t.test('a heap that is nearly full at two looks in a row is overloaded', (t) => {
  const { look } = world(t)

  t.same([look(0, 0.95), look(0, 0.5), look(0, 0.91), look(0, 0.91), look(0, 0.9)], [false, false, false, true, false])
  t.end()
})

t.test('a plan that a reload changes holds from the next look on', (t) => {
  const scene = world(t)
  scene.look(500)
  t.ok(scene.look(500))

  scene.plan = { lagMs: null, heap: null }

  t.notOk(scene.look(5000, 1))
  t.end()
})

t.test('an overloaded worker refuses calls before any work, says when to come back, and counts them', async (t) => {
  const load = { isOverloaded: false }
  let count = 0
  const stage = shed({ load, shed: () => count++ })

  const before = await outcomeOf(stage, callOf('GET / HTTP/1.1\nhost: a'))
  load.isOverloaded = true
  const { error } = await outcomeOf(stage, callOf('GET / HTTP/1.1\nhost: a'), () => t.fail('it went on') as never)

  t.equal(before.status, 200)
  t.match(error, { failure: 'overloaded', retryAfterMs: 1000 })
  t.equal(count, 1)
})

t.test('the heap of this very thread is far from its limit', (t) => {
  const load = watchLoad({ plan: () => ({ lagMs: null, heap: 0.95 }) })
  t.teardown(() => load.stop())

  load.probe()
  load.probe()

  t.notOk(load.isOverloaded)
  t.end()
})
