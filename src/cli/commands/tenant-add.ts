import { Command, Option } from 'commander'
import { keyRecord, newKey } from '../../auth/keys.ts'
import { plannedTenant } from '../../config/planned-tenant.ts'
import type { WrittenTenant } from '../../config/quota.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { configOption, controlOption, jsonOption, priority, several } from '../options.ts'
import { addToStore, byFlags, changeInFile, taken } from '../tenant-change.ts'
import { keyLines, keyValue } from '../tenant-key.ts'
import { findTenant, type TenantPlace, withTenants } from '../tenant-place.ts'

interface AddFlags extends Which, JsonFlag {
  readonly business?: string
  readonly tier?: string
  readonly priority?: number
  readonly route?: readonly string[]
  readonly model?: readonly string[]
}

const examples = `
Examples:
  relay tenant add search
  relay tenant add search --business shop --tier standard
  relay tenant add search --route v1/messages --model 'claude-opus-*' --priority 7`

const flagNames = { business: '--business', tier: '--tier', priority: '--priority', routes: '--route', models: '--model' }

/** `relay tenant add`. */
export function tenantAddCommand(context: Context): Command {
  return new Command('add')
    .description('add a tenant and print its key, once')
    .argument('<name>', 'small letters, digits, dots, dashes and underscores')
    .option('--business <name>', 'what metrics group it by (default: its name)')
    .option('--tier <name>', 'the tier that it inherits from (default: none)')
    .addOption(new Option('--priority <0-9>', 'who leaves a queue first (default: that of the tier, else 5)').argParser(priority))
    .option('--route <name>', 'a route that it may call; may be given several times (default: those of the tier, else all)', several)
    .option('--model <pattern>', 'a model that it may ask for, * stands for any text; may be given several times', several)
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (name: string, flags: AddFlags) => withTenants(flags, context, async (place) => add(name, flags, { place, context })))
}

async function add(
  name: string,
  flags: AddFlags,
  { place, context }: { readonly place: TenantPlace; readonly context: Context },
): Promise<void> {
  const there = await findTenant(place, name)
  if (there !== null) throw taken(name, there.is === 'store' ? (place.store?.name ?? '') : place.name)
  const key = newKey()
  const made = keyRecord(key)
  const written: WrittenTenant = { ...writtenOf(flags), keys: [made] }
  const told = `added the tenant ${name}${flags.tier === undefined ? '' : ` (tier ${flags.tier})`}`
  const { value, lines } = await byFlags(name, flagNames, async () => {
    if (place.store !== null) return addToStore(plannedTenant(place.text, name, written), told, place)
    const change = { name, told, inFile: (before: WrittenTenant) => added(name, before, written), inStore: () => null }
    return changeInFile(change, { place, flags, context })
  })
  const [change = '', ...rest] = lines
  const first = place.plan.tenancy === null ? ['from now on every caller is asked for a key: this is the first tenant'] : []
  show(context, flags, { ...value, tenant: name, ...keyValue(key, made) }, [change, ...keyLines(key, place.plan), ...rest, ...first])
}

function writtenOf({ business, tier, priority: wanted, route, model }: AddFlags): WrittenTenant {
  return {
    ...(business === undefined ? {} : { business }),
    ...(tier === undefined ? {} : { tier }),
    ...(wanted === undefined ? {} : { priority: wanted }),
    ...(route === undefined ? {} : { routes: route }),
    ...(model === undefined ? {} : { models: model }),
  }
}

/** Somebody else may have written the same name since it was looked for: theirs is not overwritten. */
function added(name: string, before: WrittenTenant, written: WrittenTenant): WrittenTenant {
  if (Object.keys(before).length > 0) throw taken(name, 'the config file')
  return written
}
