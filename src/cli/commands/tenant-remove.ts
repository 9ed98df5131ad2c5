import { Command } from 'commander'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'
import { changeInFile, changeInStore } from '../tenant-change.ts'
import { theTenant, withTenants } from '../tenant-place.ts'

/** `relay tenant remove`. */
export function tenantRemoveCommand(context: Context): Command {
  return new Command('remove')
    .description('remove a tenant: its keys stop at once; calls in flight end as they began')
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  relay tenant remove search')
    .action(async (name: string, flags: Which & JsonFlag) =>
      withTenants(flags, context, async (place) => {
        const { is } = await theTenant(place, name)
        const change = { name, told: `removed the tenant ${name}`, inFile: () => null, inStore: () => null }
        const { value, lines } = await (is === 'file' ? changeInFile : changeInStore)(change, { place, flags, context })
        show(context, flags, { ...value, tenant: name }, lines)
      }),
    )
}
