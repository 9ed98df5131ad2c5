import { writeFileSync } from 'node:fs'
import { accept } from './accept.ts'
import { calls } from './calls.ts'
import { idle } from './idle.ts'
import { isolation } from './isolation.ts'
import { limits } from './limits.ts'
import { coresHere, findTools, machineLines, missingTools } from './machine.ts'
import { optionsFrom, usage, type Options, type SectionName } from './options.ts'
import { endWithThisProcess, stopAll } from './processes.ts'
import { redis } from './redis.ts'
import { stages } from './stages.ts'
import { streams } from './streams.ts'
import { translate } from './translate.ts'
import { tenants } from './tenants.ts'
import { tableText, type Finding, type Report, type Sample } from './table.ts'
import { makeWorld, type World } from './world.ts'

type Section = (world: World) => Promise<readonly Finding[]>

const sections: Readonly<Record<SectionName, Section>> = {
  calls,
  idle,
  streams,
  stages,
  limits,
  redis,
  tenants,
  isolation,
  accept,
  translate,
}

const samples: Sample[] = []
const troubles: string[] = []
const report: Report = {
  add: (sample) => samples.push(sample),
  trouble: (text) => {
    troubles.push(text)
    process.stderr.write(`! ${text}\n`)
  },
  say: (text) => process.stderr.write(`· ${text}\n`),
}

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const options = read(args)
  if (options === null) return process.exitCode === 2 ? 2 : 0
  const tools = findTools()
  const head = [...machineLines(coresHere(), tools), ...missingTools(tools)]
  console.log(head.join('\n'))
  if (tools.taskset === null) return 1
  endWithThisProcess()
  try {
    const findings = await runAll(makeWorld(options, report))
    if (options.json !== null) writeFileSync(options.json, `${JSON.stringify({ head, options, findings, troubles, samples }, null, 1)}\n`)
  } finally {
    await stopAll()
  }
  for (const trouble of troubles) console.log(`! ${trouble}`)
  return troubles.length === 0 ? 0 : 1
}

async function runAll(world: World): Promise<readonly Finding[]> {
  const all: Finding[] = []
  for (const name of world.options.sections) {
    const why = lacking(name, world)
    if (why !== null) {
      report.say(`${name}: left out, ${why}`)
      continue
    }
    const findings = await sections[name](world)
    for (const finding of findings) console.log(tableText(finding))
    all.push(...findings)
  }
  return all
}

function lacking(section: SectionName, { tools }: World): string | null {
  if (section === 'stages' || section === 'limits' || section === 'tenants' || section === 'streams') return null
  if (section === 'redis') return tools.redis === null ? 'redis-server is missing' : null
  if (section === 'translate' && tools.h2load === null) return 'h2load is missing'
  if (tools.nginx === null) return 'nginx is missing'
  return section !== 'idle' && section !== 'isolation' && tools.wrk === null ? 'wrk is missing' : null
}

function read(args: readonly string[]): Options | null {
  try {
    const options = optionsFrom(args)
    if (options === null) console.log(usage)
    return options
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 2
    return null
  }
}
