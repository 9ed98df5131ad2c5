import { Command, Option } from 'commander'
import { configStore } from '../../auth/config-store.ts'
import type { TenantRecord } from '../../auth/tenant.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, count, jsonOption } from '../options.ts'
import { type TenantPlace, withTenants } from '../tenant-place.ts'

interface ListFlags extends Which, JsonFlag {
  readonly limit: number
  readonly after?: string
}

const examples = `
Examples:
  relay tenant list
  relay tenant list --limit 1000 --json
  relay tenant list --after search     go on behind this name`

/** `relay tenant list`. */
export function tenantListCommand(context: Context): Command {
  return new Command('list')
    .description('list tenants by name, page by page')
    .addOption(new Option('--limit <number>', 'how many at most').argParser(count).default(100))
    .option('--after <name>', 'begin behind this name')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (flags: ListFlags) =>
      withTenants(flags, context, async (place) => {
        const { limit, after = null } = flags
        // One more tells whether it goes on.
        const found = await listed(place, after, limit + 1)
        const page = found.slice(0, limit)
        const next = found.length > limit ? (page.at(-1)?.name ?? null) : null
        const tenants = page.map((record) => rowOf(record, place))
        const more = next === null ? [] : [`(more behind these: relay tenant list --after ${next})`]
        show(context, flags, { tenants, next }, [...(tenants.length === 0 ? [none(after)] : table(tenants)), ...more])
      }),
    )
}

/** Those of the file and of the store in one order; of a name in both the file's counts. */
async function listed({ inFile, store }: TenantPlace, after: string | null, limit: number): Promise<readonly TenantRecord[]> {
  const written = await configStore([...inFile.values()]).list(after, limit)
  const stored = (await store?.tenants.list(after, limit)) ?? []
  const all = [...written, ...stored.filter(({ name }) => !inFile.has(name))]
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit)
}

interface Row {
  readonly name: string
  readonly business: string
  readonly tier: string | null
  readonly keys: readonly string[]
  readonly in: string
}

function rowOf({ name, business, tier, keys }: TenantRecord, { inFile, name: file, store }: TenantPlace): Row {
  const where = inFile.has(name) ? file : (store?.name ?? '')
  return { name, business: business ?? name, tier, keys: keys.map(({ hint }) => hint), in: where }
}

function none(after: string | null): string {
  return after === null ? 'no tenants; add one with: relay tenant add NAME' : `no tenants behind ${after}`
}

function table(rows: readonly Row[]): readonly string[] {
  const cells = rows.map(({ name, business, tier, keys }) => [name, business, tier ?? '-', keys.join(' ') || 'no key'])
  const all = [['NAME', 'BUSINESS', 'TIER', 'KEYS'], ...cells]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
