import { Command } from 'commander'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, jsonOption } from '../options.ts'
import { theTenant, withTenants } from '../tenant-place.ts'
import { tenantLines, wholeTenant } from '../tenant-text.ts'

/** `relay tenant show`. */
export function tenantShowCommand(context: Context): Command {
  return new Command('show')
    .description('show a tenant with what its tier gives it; keys by their first characters')
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay tenant show search\n  relay tenant show search --json')
    .action(async (name: string, flags: Which & JsonFlag) =>
      withTenants(flags, context, async (place) => {
        const { is, record } = await theTenant(place, name)
        const tenant = wholeTenant(record, place.plan.tenancy?.tiers ?? [])
        const where = is === 'file' ? place.name : (place.store?.name ?? '')
        show(context, flags, { ...tenant, in: where }, tenantLines(tenant, where))
      }),
    )
}
