import type { RedisPlace } from '../../src/base/redis.ts'
import { placeOf, redisServer, type RedisServer, type RedisServerOptions, type Scope } from './redis.ts'

/** A Cluster of three masters and their replicas. */
export interface RedisCluster {
  /** Three masters, then the replica of each. */
  readonly nodes: readonly RedisServer[]
  readonly place: RedisPlace
}

/** How long a node is silent before its replica takes its place, and what is on their disks. */
export interface RedisClusterOptions extends Pick<RedisServerOptions, 'appendOnly'> {
  readonly nodeTimeoutMs?: number
}

const slots = 16_384
const masters = 3

/** Starts six nodes and makes a Cluster of them; they end with the test. */
export async function redisCluster(t: Scope, options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 2 * masters }, async () => clusterNode(t, options)))
  const ids = await Promise.all(nodes.map(async (node) => String(await node.ask('CLUSTER', 'MYID'))))
  for (const [at, node] of nodes.entries()) {
    await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', at + 1)
    if (at < masters) await node.ask('CLUSTER', 'ADDSLOTS', ...slotsOf(at))
    if (at > 0) await nodes[0]?.ask('CLUSTER', 'MEET', '127.0.0.1', node.port)
  }
  await Promise.all(nodes.map(async (node) => said(node, ['CLUSTER', 'INFO'], /cluster_known_nodes:6/)))
  for (const [at, node] of nodes.entries()) {
    // A node that has just been met may not have passed on its name yet.
    if (at >= masters) await eventually(async () => node.ask('CLUSTER', 'REPLICATE', ids[at - masters] ?? ''))
  }
  await Promise.all(nodes.map(async (node) => said(node, ['CLUSTER', 'INFO'], /cluster_state:ok/)))
  await Promise.all(nodes.slice(masters).map(async (node) => said(node, ['INFO', 'replication'], /master_link_status:up/)))
  // Every node has to know who replicates, as clients learn it from any of them.
  await Promise.all(nodes.map(async (node) => said(node, ['CLUSTER', 'NODES'], /(?:slave [^]*){3}/)))
  return { nodes, place: placeOf({ is: 'cluster', nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) }) }
}

async function clusterNode(t: Scope, { nodeTimeoutMs = 2000, appendOnly = null }: RedisClusterOptions): Promise<RedisServer> {
  for (let turn = 0; ; turn += 1) {
    // The nodes talk to each other on the port that is 10,000 higher; both are below those that systems give out by themselves.
    const port = 10_000 + Math.floor(Math.random() * 10_000)
    const args = ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}.conf`, '--repl-diskless-sync-delay', '0']
    try {
      return await redisServer(t, { port, appendOnly, args: [...args, '--cluster-node-timeout', String(nodeTimeoutMs)] })
    } catch (error) {
      if (turn === 10) throw error
    }
  }
}

function slotsOf(at: number): readonly number[] {
  const first = Math.ceil((at * slots) / masters)
  const next = Math.ceil(((at + 1) * slots) / masters)
  return Array.from({ length: next - first }, (_, place) => first + place)
}

async function said(node: RedisServer, [name = '', ...args]: readonly string[], wanted: RegExp): Promise<void> {
  await eventually(async () => {
    const text = String(await node.ask(name, ...args))
    if (!wanted.test(text)) throw new Error(`${name} ${args.join(' ')} never said ${wanted.source}: ${text}`)
  })
}

/** Tries until it goes well: nodes tell each other what happened in their own time, and tell nobody else. */
export async function eventually(work: () => Promise<unknown>): Promise<void> {
  const endsAt = performance.now() + 30_000
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if (performance.now() > endsAt) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
