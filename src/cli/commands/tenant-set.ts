import { Command, Option } from 'commander'
import type { TenantRecord } from '../../auth/tenant.ts'
import { plannedTenant } from '../../config/planned-tenant.ts'
import { type TenantFields, withFields } from '../../config/tenant-fields.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, controlOption, jsonOption, once, priority, several } from '../options.ts'
import { byFlags, changeInFile, changeInStore, type TenantChange } from '../tenant-change.ts'
import { type TenantPlace, theTenant, withTenants } from '../tenant-place.ts'
import { tenantLines, wholeTenant } from '../tenant-text.ts'

interface SetFlags extends Which, JsonFlag {
  readonly business?: string
  readonly tier?: string
  readonly priority?: string
  readonly route?: readonly string[]
  readonly allRoutes?: true
  readonly model?: readonly string[]
  readonly allModels?: true
}

const help = `
What is not named stays as it is, keys and limits too. Limits are changed with: relay tenant quota NAME

Examples:
  relay tenant set search --tier gold
  relay tenant set search --business shop --priority 7
  relay tenant set search --route v1/messages --model 'claude-opus-*' --model claude-haiku-5-5
  relay tenant set search --all-routes --all-models --tier none`

const flagNames = { business: '--business', tier: '--tier', priority: '--priority', routes: '--route', models: '--model' }

/** `relay tenant set`. */
export function tenantSetCommand(context: Context): Command {
  return new Command('set')
    .description("change a tenant's business, tier, priority, routes and models; its keys stay")
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .option('--business <name>', 'what metrics group it by; none: its name', once)
    .option('--tier <name>', 'the tier that it inherits from; none: none', once)
    .option('--priority <0-9>', 'who leaves a queue first; none: that of the tier, else 5', priorityOrNone)
    .option('--route <name>', 'a route that it may call, in place of those before; may be given several times', several)
    .addOption(new Option('--all-routes', 'no list of routes of its own: those of the tier, else all').conflicts('route'))
    .option('--model <pattern>', 'a model that it may ask for, * stands for any text, in place of those before; several times', several)
    .addOption(new Option('--all-models', 'no list of models of its own: those of the tier, else all').conflicts('model'))
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (name: string, flags: SetFlags) => withTenants(flags, context, async (place) => set(name, flags, { place, context })))
}

async function set(
  name: string,
  flags: SetFlags,
  { place, context }: { readonly place: TenantPlace; readonly context: Context },
): Promise<void> {
  const fields = fieldsOf(flags)
  const { is } = await theTenant(place, name)
  if (Object.keys(fields).length === 0) {
    const known = [...Object.values(flagNames), '--all-routes', '--all-models'].join(', ')
    throw new CommandError(2, `nothing is named that is to be changed of the tenant '${name}': give one of ${known}`)
  }
  const edit: TenantChange = {
    name,
    told: `changed the tenant ${name}`,
    inFile: (written) => withFields(written, fields),
    inStore: (record) => withStoredFields(record, fields, place),
  }
  const outcome = await byFlags(name, flagNames, async () =>
    (is === 'file' ? changeInFile : changeInStore)(edit, { place, flags, context }),
  )
  const after = await withTenants(flags, context, async (now) => theTenant(now, name))
  const tenant = wholeTenant(after.record, place.plan.tenancy?.tiers ?? [])
  const where = is === 'file' ? place.name : (place.store?.name ?? '')
  const [told = '', ...rest] = outcome.lines
  const lines = tenantLines(tenant, where).map((line) => `  ${line}`)
  show(context, flags, { ...outcome.value, tenant: name, ...tenant, in: where }, [told, ...lines, ...rest])
}

function fieldsOf({ business, tier, priority: wanted, route, allRoutes, model, allModels }: SetFlags): TenantFields {
  return {
    ...(business === undefined ? {} : { business: orNull(business) }),
    ...(tier === undefined ? {} : { tier: orNull(tier) }),
    ...(wanted === undefined ? {} : { priority: wanted === 'none' ? null : Number(wanted) }),
    ...(route === undefined && allRoutes === undefined ? {} : { routes: route ?? null }),
    ...(model === undefined && allModels === undefined ? {} : { models: model ?? null }),
  }
}

/** A stored record with the fields changed, as the config's own rules read them. */
function withStoredFields(record: TenantRecord, fields: TenantFields, { text }: TenantPlace): TenantRecord {
  const planned: TenantRecord = plannedTenant(text, record.name, withFields({}, fields))
  const changed = Object.entries(planned).filter(([key]) => key in fields)
  return { ...record, ...Object.fromEntries(changed) }
}

function priorityOrNone(text: string, before?: string): string {
  if (text !== 'none') priority(text)
  return once(text, before)
}

function orNull(text: string): string | null {
  return text === 'none' ? null : text
}
