import { parseArgs } from 'node:util'

/** What can be measured. */
export const sectionNames = [
  'calls',
  'idle',
  'streams',
  'stages',
  'limits',
  'redis',
  'tenants',
  'isolation',
  'accept',
  'translate',
] as const
export type SectionName = (typeof sectionNames)[number]

/** What the command line asks for. */
export interface Options {
  readonly sections: readonly SectionName[]
  readonly rounds: number
  readonly seconds: number
  readonly json: string | null
  /** Relays to measure: a name, and the command that stands before `start`; null: this tree, built. */
  readonly relays: readonly { readonly name: string; readonly command: string | null }[]
  readonly only: readonly string[] | null
  readonly connections: number
  readonly streams: number
  readonly idle: readonly number[]
}

export const usage = `npm run perf -- [SECTION...] [options]

Measures relay beside nginx, Caddy and HAProxy, as far as they are installed; nothing is installed or left running.
Sections (default: all): ${sectionNames.join(' ')}

  --rounds N           rounds; in each every proxy has its turn (default: 3)
  --seconds S          length of one measurement (default: 5)
  --relay [NAME=]CMD   measure this relay instead of the one in this tree: CMD stands before \`start --config FILE\`;
                       given more than once, each is a row of its own
  --only NAME,NAME     only these proxies (nginx is what the ratios are taken to)
  --connections N      connections of the load in \`calls\` (default: 64)
  --streams N          open streams in \`streams\` (default: 1000)
  --idle N,N           idle connections in \`idle\` (default: 2000,10000)
  --json FILE          every single measurement, as JSON
  --help`

/** Reads the command line; a mistake is thrown with one clear line, null means that help is wanted. */
export function optionsFrom(args: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: flags })
  if (values.help === true) return null
  const unknown = positionals.find((name) => !isSection(name))
  if (unknown !== undefined) throw new Error(`there is no section ${unknown}; there are ${sectionNames.join(', ')}`)
  const sections = positionals.filter(isSection)
  const relays = (values.relay ?? []).map((text) => relayOf(text))
  return {
    sections: sections.length === 0 ? sectionNames : sections,
    rounds: positive('--rounds', values.rounds ?? '3'),
    seconds: positive('--seconds', values.seconds ?? '5'),
    json: values.json ?? null,
    relays: relays.length === 0 ? [{ name: 'relay', command: null }] : relays,
    only: values.only === undefined ? null : values.only.split(','),
    connections: positive('--connections', values.connections ?? '64'),
    streams: positive('--streams', values.streams ?? '1000'),
    idle: (values.idle ?? '2000,10000').split(',').map((text) => positive('--idle', text)),
  }
}

const flags = {
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  relay: { type: 'string', multiple: true },
  only: { type: 'string' },
  connections: { type: 'string' },
  streams: { type: 'string' },
  idle: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const

function isSection(name: string): name is SectionName {
  return sectionNames.some((known) => known === name)
}

function relayOf(text: string): { name: string; command: string } {
  const named = /^([\w.-]+)=(.+)$/.exec(text)
  return named === null ? { name: 'relay', command: text } : { name: named[1]!, command: named[2]! }
}

function positive(flag: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${flag} takes a whole number above 0, not ${text}`)
  return value
}
