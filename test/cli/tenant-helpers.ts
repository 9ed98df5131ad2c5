import type { Limit } from '../../src/base/limit.ts'
import { run } from '../../src/cli/run.ts'
import type { Home, Ran } from '../helpers/cli.ts'

/** A folder with a config. */
export interface Given {
  readonly place: Home
  readonly text: string
}

/** Runs `relay tenant …` as its process would, inside of this one: there are many of them. */
export async function tenant({ folder, env }: Home, ...args: readonly string[]): Promise<Ran> {
  const printed: { out: string; err: string } = { out: '', err: '' }
  const out = (text: string): void => void (printed.out += text)
  const err = (text: string): void => void (printed.err += text)
  const exit = await run(['tenant', ...args], { io: { env, cwd: folder, out, err, ask: null }, worker: { file: new URL('file:///none') } })
  return { exit, ...printed }
}

/** What `relay tenant …` prints for programs. */
export async function printed({ place }: Given, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const ran = await tenant(place, ...args, '--json')
  if (ran.exit !== 0) throw new Error(`relay tenant ${args.join(' ')}: ${ran.err}`)
  return JSON.parse(ran.out) as Readonly<Record<string, unknown>>
}

/** The key that a command printed. */
export async function keyOf(given: Given, ...args: readonly string[]): Promise<string> {
  return String((await printed(given, ...args))['key'])
}

/** Limits in a few words, by name. */
export function limitsOf(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const limits = value['limits'] as readonly Limit[]
  return Object.fromEntries(limits.map((limit) => [limit.name, words(limit)]))
}

function words(limit: Limit): unknown {
  if (limit.kind === 'concurrency') return limit.most
  if (limit.kind === 'budget') return `${limit.nanoUsd} a ${limit.period} ${limit.timeZone}`
  return `${limit.count} in ${limit.periodMs}, burst ${limit.burst}`
}
