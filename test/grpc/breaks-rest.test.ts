import t from 'tap'
import { breaks, restBreaks } from './breaks-list.ts'
import { breakEverywhere } from './breaks.ts'
import { restBreakWorld } from './breaks-world.ts'
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
