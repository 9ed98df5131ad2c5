import t from 'tap'
import { breaks, brokenSessions, restBreaks } from './breaks-list.ts'
import { breakEverywhere } from './breaks.ts'
import { rest2BreakWorld, restBreakWorld } from './breaks-world.ts'
import { onRest } from './forms.ts'

for (const form of onRest) {
  t.test(`a call of ${form.name} that is left, late or broken is told so at every message, and leaves nothing behind`, async (t) => {
    const world = await restBreakWorld(t)

    const { wrong, count } = await breakEverywhere(world, form, [...breaks, ...restBreaks])

    t.strictSame(wrong, [])
    t.ok(count > 50, `${count} breaks`)
    t.strictSame(world.relay.bugs, [])
  })
}

t.test(
  'a gRPC call onto a REST backend over HTTP/2 that is left, late or broken is told so at every message, and leaves nothing behind',
  async (t) => {
    const world = await rest2BreakWorld(t)

    const { wrong, count } = await breakEverywhere(world, onRest[0]!, [...breaks, ...brokenSessions])

    t.strictSame(wrong, [])
    t.ok(count > 300, `${count} breaks`)
    t.strictSame(world.relay.bugs, [])
  },
)
