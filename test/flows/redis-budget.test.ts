import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { budgetStory } from './budget-story.ts'

t.test('200 callers on money for ten calls, three relays, and Redis is killed and comes back in their midst', async (t) => {
  await budgetStory(t, await redisServer(t, { appendOnly: 'always' }))
})
