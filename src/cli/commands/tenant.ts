import { Command } from 'commander'
import type { Context } from '../command.ts'
import { tenantAddCommand } from './tenant-add.ts'
import { tenantListCommand } from './tenant-list.ts'
import { tenantQuotaCommand } from './tenant-quota.ts'
import { tenantRemoveCommand } from './tenant-remove.ts'
import { tenantRotateCommand } from './tenant-rotate.ts'
import { tenantSetCommand } from './tenant-set.ts'
import { tenantShowCommand } from './tenant-show.ts'

/** `relay tenant add`, `remove`, `list`, `show`, `rotate`, `set` and `quota`. */
export function tenantCommand(context: Context): Command {
  return new Command('tenant')
    .description('add, remove, list and change tenants: in the config file or where its tenantsFrom says, and in running relays at once')
    .addCommand(tenantAddCommand(context))
    .addCommand(tenantRemoveCommand(context))
    .addCommand(tenantListCommand(context))
    .addCommand(tenantShowCommand(context))
    .addCommand(tenantRotateCommand(context))
    .addCommand(tenantSetCommand(context))
    .addCommand(tenantQuotaCommand(context))
}
