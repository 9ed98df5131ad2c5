import t from 'tap'
import { redisCluster, type RedisCluster } from '../helpers/redis-cluster.ts'
import { budgetStory } from './budget-story.ts'

t.test('200 callers on money for ten calls, three relays, and a Cluster is killed and comes back in their midst', async (t) => {
  // Nobody takes the place of a node that is away for a moment: a replica may lack what its master has acknowledged.
  const { nodes, place } = await redisCluster(t, { nodeTimeoutMs: 30_000, appendOnly: 'always' })
  const all = async (work: (node: RedisCluster['nodes'][number]) => Promise<void>) => Promise.all(nodes.map(work))
  await budgetStory(t, { place, kill: async () => all((node) => node.kill()), start: async () => all((node) => node.start()) })
})
