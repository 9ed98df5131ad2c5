import t from 'tap'
import { breaks, grpcBreaks, moreGrpcBreaks } from './breaks-list.ts'
import { grpcBreakWorld } from './breaks-world.ts'
import { breakEverywhere } from './breaks.ts'
import { connects, grpc, webs } from './forms.ts'

for (const form of [grpc, ...webs, ...connects]) {
  t.test(`a call of ${form.name} that is left, late or broken is told so at every message, and leaves nothing behind`, async (t) => {
    const world = await grpcBreakWorld(t)

    const { wrong, count } = await breakEverywhere(world, form, [...breaks, ...grpcBreaks, ...moreGrpcBreaks])

    t.strictSame(wrong, [])
    t.ok(count > 100, `${count} breaks`)
    t.strictSame(world.relay.bugs, [])
  })
}
