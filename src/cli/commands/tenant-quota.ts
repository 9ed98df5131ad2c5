import { Command } from 'commander'
import type { TenantRecord } from '../../auth/tenant.ts'
import { plannedTenant } from '../../config/planned-tenant.ts'
import { type QuotaChange, withQuota } from '../../config/quota.ts'
import { readBudget } from '../../config/units.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, controlOption, jsonOption, once, several } from '../options.ts'
import { byFlags, changeInFile, changeInStore, type TenantChange } from '../tenant-change.ts'
import { type FoundTenant, type TenantPlace, theTenant, withTenants } from '../tenant-place.ts'
import { withStoredQuota } from '../tenant-quota.ts'
import { limitLines, wholeTenant } from '../tenant-text.ts'

interface QuotaFlags extends Which, JsonFlag, QuotaChange {}

const help = `
What is not named stays as it is; none takes a limit away (one of its tier then counts again).

Examples:
  relay tenant quota search                                      show it
  relay tenant quota search --requests 600/m --burst 100
  relay tenant quota search --input-tokens 2M/m --output-tokens 400k/m --concurrency 40
  relay tenant quota search --budget 50usd/day --budget 1000usd/month
  relay tenant quota search --budget none`

const flagNames = {
  requests: '--requests',
  'requests.burst': '--burst',
  inputTokens: '--input-tokens',
  outputTokens: '--output-tokens',
  concurrency: '--concurrency',
  budget: '--budget',
}

/** `relay tenant quota`. */
export function tenantQuotaCommand(context: Context): Command {
  return new Command('quota')
    .description('show or change what a tenant may use')
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .option('--requests <rate>', 'calls in a time: 600/m, 10/s; or none', once)
    .option('--burst <count>', 'most calls in one go, before --requests holds them (default: its count)', once)
    .option('--input-tokens <rate>', 'tokens of input in a time: 2M/m; or none', once)
    .option('--output-tokens <rate>', 'tokens of output in a time: 400k/m; or none', once)
    .option('--concurrency <count>', 'calls under way at once: 40; or none', once)
    .option('--budget <money>', 'money a day, week or month: 50usd/day; may be given several times; or none', several)
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (name: string, flags: QuotaFlags) => withTenants(flags, context, async (place) => quota(name, flags, { place, context })))
}

async function quota(
  name: string,
  flags: QuotaFlags,
  { place, context }: { readonly place: TenantPlace; readonly context: Context },
): Promise<void> {
  const found = await theTenant(place, name)
  const tiers = place.plan.tenancy?.tiers ?? []
  const change = changeOf(flags)
  if (Object.keys(change).length === 0) {
    const tenant = wholeTenant(found.record, tiers)
    return show(context, flags, { tenant: name, limits: tenant.limits }, limitLines(tenant))
  }
  checkBurst(change, found)
  checkBudgets(change)
  const edit: TenantChange = {
    name,
    told: `changed the quota of the tenant ${name}`,
    inFile: (written) => withQuota(written, change),
    inStore: (record) => withStoredQuota(record, change, (written) => plannedTenant(place.text, name, written)),
  }
  const outcome = await byFlags(name, flagNames, async () =>
    (found.is === 'file' ? changeInFile : changeInStore)(edit, { place, flags, context }),
  )
  const after = await withTenants(flags, context, async (now) => theTenant(now, name))
  const tenant = wholeTenant(after.record, tiers)
  const [told = '', ...rest] = outcome.lines
  show(context, flags, { ...outcome.value, tenant: name, limits: tenant.limits }, [
    told,
    ...limitLines(tenant).map((line) => `  ${line}`),
    ...rest,
  ])
}

function changeOf({ requests, burst, inputTokens, outputTokens, concurrency, budget }: QuotaFlags): QuotaChange {
  const all = { requests, burst, inputTokens, outputTokens, concurrency, budget }
  // What was not given is not there.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function checkBurst({ requests, burst }: QuotaChange, { record }: FoundTenant): void {
  if (burst === undefined) return
  const isThere = requests === undefined ? hasRequests(record) : requests !== 'none'
  if (!isThere) throw new CommandError(2, `--burst ${burst} belongs to a limit on requests: give --requests 600/m too`)
}

/** One budget a period; `none` takes all away, so it comes first or alone. */
function checkBudgets({ budget = [] }: QuotaChange): void {
  const byPeriod = new Map<string, string>()
  for (const one of budget) {
    const period = readBudget(one)?.period ?? one
    const before = byPeriod.get(period)
    const hint = period === one ? 'give it once' : `a ${period} has one budget: give one of them`
    if (before !== undefined) throw new CommandError(2, `--budget ${before} and --budget ${one}: ${hint}`)
    byPeriod.set(period, one)
  }
  if (budget.indexOf('none') > 0)
    throw new CommandError(2, `--budget ${budget[0]} and then --budget none: none takes all away, give it first`)
}

function hasRequests({ limits }: TenantRecord): boolean {
  return limits.some(({ name }) => name === 'requests')
}
