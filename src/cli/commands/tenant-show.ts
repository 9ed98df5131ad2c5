import { Command } from 'commander'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, jsonOption } from '../options.ts'
import { theTenant, withTenants } from '../tenant-place.ts'
import { withSpent } from '../tenant-spent.ts'
import { tenantLines, wholeTenant } from '../tenant-text.ts'

const help = `
Where this node has a ledger, each budget tells what calls that have ended have spent of it in its current period.

Examples:
  relay tenant show search
  relay tenant show search --json`

/** `relay tenant show`. */
export function tenantShowCommand(context: Context): Command {
  return new Command('show')
    .description('show a tenant with what its tier gives it; keys by their first characters')
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (name: string, flags: Which & JsonFlag) =>
      withTenants(flags, context, async (place) => {
        const { is, record } = await theTenant(place, name)
        const { tenancy, ledger } = place.plan
        const tenant = withSpent(wholeTenant(record, tenancy?.tiers ?? []), ledger?.file ?? null, Date.now())
        const where = is === 'file' ? place.name : (place.store?.name ?? '')
        show(context, flags, { ...tenant, in: where }, tenantLines(tenant, where))
      }),
    )
}
