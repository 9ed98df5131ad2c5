import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { ConfigError } from '../../base/errors.ts'
import { planFromText } from '../../config/load-text.ts'
import { offlineSources, readFault } from '../../config/sources.ts'
import { ledgerReader, usageGroups, type LedgerReader, type UsageGroup, type UsageQuery } from '../../ledger/read.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { configFile, type Which } from '../find.ts'
import { near } from '../near.ts'
import { configOption, count, jsonOption } from '../options.ts'
import { callsCsv, usageCsv } from './usage-csv.ts'
import { firstDay, lastDay } from './usage-days.ts'
import { callRecord, usageRecord } from './usage-records.ts'
import { callsTable, usageTable } from './usage-table.ts'

interface Flags extends Which, JsonFlag {
  readonly tenant?: string
  readonly business?: string
  readonly by: UsageGroup
  readonly since: string
  readonly until?: string
  readonly calls?: true
  readonly limit?: number
  readonly csv?: true
  readonly ledger?: string
}

const help = `
Days are those of UTC, both included: --since 7d is today and the six days before.
In CSV a name that begins with = + - @, a tab or CR has a ' before it: spreadsheets would take it for a formula.

Examples:
  relay usage
  relay usage --by day --since 2026-11-01 --csv > november.csv
  relay usage --tenant search --by model --since 7d
  relay usage --calls --tenant search --limit 20`

/** `relay usage`. */
export function usageCommand(context: Context): Command {
  return new Command('usage')
    .description('print the bill: calls, tokens and cost, from the ledger of a relay that runs or not')
    .option('-t, --tenant <name>', 'of this tenant only')
    .option('-b, --business <name>', 'of this business only')
    .addOption(new Option('--by <what>', 'a line for each').choices(usageGroups).default('tenant').conflicts('calls'))
    .option('--since <day>', 'the first day: 2026-11-01, or 7d, 4w for the last ones', '30d')
    .option('--until <day>', 'the last day (default: today)')
    .option('--calls', 'list single calls, the newest first')
    .addOption(new Option('--limit <number>', 'most calls that --calls lists (default: 100)').argParser(count))
    .addOption(configOption())
    .addOption(new Option('--ledger <file>', 'the ledger (default: that of the config)').conflicts('config'))
    .addOption(jsonOption().conflicts('csv'))
    .addOption(new Option('--csv', 'print CSV (RFC 4180)'))
    .addHelpText('after', help)
    .action(async (flags: Flags) => {
      const query = queryOf(flags, Date.now())
      const reader = ledgerReader(await ledgerFile(flags, context))
      try {
        if (flags.calls === true) showCalls(context, { flags, query, reader })
        else showUsage(context, { flags, query, reader })
      } finally {
        reader.close()
      }
    })
}

interface Showing {
  readonly flags: Flags
  readonly query: UsageQuery
  readonly reader: LedgerReader
}

function showUsage(context: Context, { flags, query, reader }: Showing): void {
  const { by } = flags
  const lines = reader.usage(query, by)
  if (flags.csv === true) return context.io.out(usageCsv(lines, by))
  const total = reader.total(query)
  const { since, until } = query
  const value = { since, until, by, usage: lines.map((line) => usageRecord(line, by)), total: usageRecord(total, null) }
  show(context, flags, value, usageTable({ lines, total, by, days: `${since} to ${until} (UTC)`, width: widthOf(context) }))
}

function showCalls(context: Context, { flags, query, reader }: Showing): void {
  const rows = reader.calls(query, flags.limit ?? 100)
  if (flags.csv === true) return context.io.out(callsCsv(rows))
  show(context, flags, { calls: rows.map(callRecord) }, callsTable(rows, widthOf(context)))
}

function queryOf(flags: Flags, now: number): UsageQuery {
  const { tenant, business } = flags
  if (flags.limit !== undefined && flags.calls !== true) throw new CommandError(2, '--limit is of --calls, and the bill is printed whole')
  const since = firstDay(flags.since, now)
  const until = lastDay(flags.until, now)
  if (since > until) throw new CommandError(2, `--since ${since} is after --until ${until}`)
  return { tenant: tenant ?? null, business: business ?? null, since, until }
}

/** A terminal's columns; 0: whatever reads this has room for every line. */
function widthOf({ io }: Context): number {
  return Number(io.env['COLUMNS']) || process.stdout.columns || 0
}

async function ledgerFile(flags: Flags, context: Context): Promise<string> {
  const { cwd } = context.io
  if (flags.ledger !== undefined) return resolve(cwd, flags.ledger)
  const file = await configFile(flags, context)
  if (file === undefined)
    throw new CommandError(2, `there is no config file in ${cwd}; name the ledger with --ledger, or a config with --config`)
  const { ledger } = planOf(file, near(file, cwd))
  if (ledger === null)
    throw new CommandError(2, `${near(file, cwd)} has no ledger; turn one on with \`ledger: {}\`, or name one with --ledger`)
  return ledger.file
}

// Without the secrets and certificates that the config names: whoever reads the bill needs none of them.
function planOf(file: string, name: string): ReturnType<typeof planFromText> {
  const sources = { ...offlineSources, path: (path: string) => resolve(dirname(file), path) }
  return planFromText(textOf(file, name), { file: name, sources })
}

function textOf(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const message = `cannot read the config file: ${readFault(error)}`
    throw new ConfigError([{ file: name, path: '', message, remedy: 'name a readable file with --config, or the ledger with --ledger' }])
  }
}
