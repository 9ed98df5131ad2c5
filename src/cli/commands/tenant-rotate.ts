import { Command } from 'commander'
import { keyRecord, newKey } from '../../auth/keys.ts'
import type { WrittenTenant } from '../../config/quota.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'
import { changeInFile, changeInStore, type TenantChange } from '../tenant-change.ts'
import { keyLines, keyValue } from '../tenant-key.ts'
import { theTenant, withTenants } from '../tenant-place.ts'

interface RotateFlags extends Which, JsonFlag {
  readonly now?: true
}

const help = `
A tenant has at most two keys. The new one counts beside the newest of the old ones, until the next rotation; --now ends the old ones.

Examples:
  relay tenant rotate search         change over, then rotate again or use --now to end the old key
  relay tenant rotate search --now   after a key was lost`

/** `relay tenant rotate`. */
export function tenantRotateCommand(context: Context): Command {
  return new Command('rotate')
    .description('give a tenant a new key and print it, once')
    .argument('<name>', 'the tenant, as `relay tenant list` shows it')
    .option('--now', 'end all older keys at once')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (name: string, flags: RotateFlags) =>
      withTenants(flags, context, async (place) => {
        const { is, record } = await theTenant(place, name)
        const key = newKey()
        const made = keyRecord(key)
        const keep = flags.now === true ? 0 : 1
        const change: TenantChange = {
          name,
          told: `gave the tenant ${name} a new key; ${ended(record.keys.length, keep)}`,
          inFile: (written) => ({ ...written, keys: [...newest(keysIn(written), keep), made] }),
          inStore: (before) => ({ ...before, keys: [...newest(before.keys, keep), made] }),
        }
        const outcome = await (is === 'file' ? changeInFile : changeInStore)(change, { place, flags, context })
        const [told = '', ...rest] = outcome.lines
        show(context, flags, { ...outcome.value, tenant: name, ...keyValue(key, made) }, [told, ...keyLines(key, place.plan), ...rest])
      }),
    )
}

function newest<Key>(keys: readonly Key[], count: number): readonly Key[] {
  return count === 0 ? [] : keys.slice(-count)
}

function keysIn(written: WrittenTenant): readonly unknown[] {
  const { keys } = written
  return Array.isArray(keys) ? keys : []
}

function ended(before: number, keep: number): string {
  if (before === 0) return 'it had none'
  if (keep === 0) return before === 1 ? 'the older one counts no more' : 'the older ones count no more'
  return before === 1 ? 'the older one counts on' : 'of the two older ones the newer counts on'
}
