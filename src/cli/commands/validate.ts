import { resolve } from 'node:path'
import { Command } from 'commander'
import { addressText } from '../../config/address.ts'
import { loadConfig, type LoadedConfig } from '../../config/load.ts'
import type { TenancyPlan } from '../../config/plan-accounts.ts'
import type { Plan } from '../../config/plan.ts'
import { counted } from '../counted.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import { jsonOption } from '../options.ts'

/** `relay validate`. */
export function validateCommand(context: Context): Command {
  return new Command('validate')
    .description('check a config file, with everything that it names, and change nothing')
    .argument('[file]', 'the config file (default: the one in this folder)')
    .option('-c, --config <file>', 'the same')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay validate\n  relay validate relay.config.yaml --json')
    .action(async (file: string | undefined, flags: JsonFlag & { readonly config?: string }) => {
      const named = file ?? flags.config
      const { cwd, env } = context.io
      const loaded = await loadConfig({ folder: cwd, env, ...(named === undefined ? {} : { file: resolve(cwd, named) }) })
      show(context, flags, summary(loaded), [sentence(loaded)])
    })
}

function summary({ file, hash, plan }: LoadedConfig): object {
  const { routes, upstreams, listeners, tenancy } = plan
  return {
    valid: true,
    file,
    hash,
    routes: routes.length,
    upstreams: upstreams.length,
    listen: listeners.map(addressText),
    tenants: tenancy === null ? null : tenancy.tenants.length,
    limits: limitCount(plan),
  }
}

function sentence({ file, plan }: LoadedConfig): string {
  const { routes, upstreams, listeners, tenancy } = plan
  const limits = limitCount(plan)
  const parts = [
    counted(routes.length, 'route'),
    counted(upstreams.length, 'upstream'),
    ...(tenancy === null ? [] : [tenantCount(tenancy)]),
    ...(limits === 0 ? [] : [counted(limits, 'limit')]),
  ]
  return `${file} is valid: ${parts.join(', ')}, listens on ${listeners.map(addressText).join(', ')}`
}

function tenantCount({ tenants, from }: TenancyPlan): string {
  const more = from === null ? '' : from.is === 'redis' ? ' and those in Redis' : ` and those in ${from.file}`
  return `${counted(tenants.length, 'tenant')}${more}`
}

/** Limits of all calls, of routes, tiers and tenants, as they are written. */
function limitCount({ limits, routes, tenancy }: Plan): number {
  const owners = [{ limits }, ...routes, ...(tenancy?.tiers ?? []), ...(tenancy?.tenants ?? [])]
  return owners.reduce((sum, owner) => sum + owner.limits.length, 0)
}
