import { cpuBetween, cpuOf, processTree, residentKb } from './cpu.ts'
import { helper, type Helper } from './helper.ts'
import { pause } from './numbers.ts'
import { allows, contenders, startUpstream, type Contender } from './proxies.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

const settleMs = 3000

/** What an idle connection holds, after one call each. A fresh proxy for every figure: memory that was used once stays. */
export async function idle(world: World): Promise<readonly Finding[]> {
  const { options, report } = world
  const samples = new Samples(report)
  const counts = options.idle.filter((count) => {
    const problem = allows(count)
    if (problem !== null) report.say(`idle: left out, ${problem}`)
    return problem === null
  })
  const upstream = await startUpstream(world)
  for (let round = 1; round <= options.rounds; round++) {
    for (const count of counts) {
      for (const contender of contenders(world)) {
        const values = await holdOpen(world, contender, { upstream: upstream.port, count })
        samples.add({ section: 'idle', shape: String(count), name: contender.name, round, values })
        report.say(`idle, ${count} connections, round ${round}: ${contender.name} ${values.each.toFixed(2)} kB`)
        if (values.open !== count) report.trouble(`${contender.name}: ${count - values.open} of ${count} idle connections were closed`)
      }
    }
  }
  await upstream.process.stop()
  return [finding(world, samples, counts)]
}

interface Hold {
  readonly upstream: number
  readonly count: number
}

async function holdOpen(world: World, { start }: Contender, { upstream, count }: Hold) {
  const proxy = await start({ upstream })
  const load = helper('idle-load.ts', world.cores.load)
  await load.ask('warm', proxy.clear, 4000)
  await pause(settleMs)
  // Not before: a server may fork its workers after it listens.
  const pids = processTree(proxy.process.pid)
  const before = residentKb(pids)
  await load.ask('open', proxy.clear, count)
  const cpu = cpuOf(pids)
  await pause(settleMs)
  const idleCpu = cpuBetween(cpu, cpuOf(pids)) / 1000 / (settleMs / 1000)
  const held = residentKb(pids)
  const open = await stillOpen(load)
  await load.process.stop()
  await proxy.process.stop()
  return { each: (held - before) / count, before: before / 1024, held: held / 1024, open, idleCpu }
}

function stillOpen(load: Helper): Promise<number> {
  return load.ask<number>('open-now')
}

function finding({ options, ...world }: World, samples: Samples, counts: readonly number[]): Finding {
  const [least, most] = [String(Math.min(...counts)), String(Math.max(...counts))]
  const rows = contenders({ options, ...world }).map(({ name, isRelay }) => {
    const between = ((samples.value(most, name, 'held') - samples.value(least, name, 'held')) * 1024) / (Number(most) - Number(least))
    const worst = Math.max(...counts.map((count) => samples.value(String(count), name, 'each')))
    return [
      name,
      ...counts.map((count) => shown(samples.value(String(count), name, 'each'), 2)),
      shown(between, 2),
      shown(samples.value(most, name, 'before'), 0),
      shown(samples.value(most, name, 'held'), 0),
      shown(samples.value(most, name, 'idleCpu'), 1),
      isRelay ? goal('≤ 5 kB', worst, worst <= 5) : '',
    ]
  })
  return {
    title: `Memory of an idle connection (after one call each), medians of ${options.rounds} rounds`,
    columns: ['proxy', ...counts.map((count) => `kB at ${count}`), `kB between`, 'MB before', `MB at ${most}`, 'idle CPU ms/s', 'goal'],
    rows,
    notes: [],
  }
}
