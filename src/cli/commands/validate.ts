import { resolve } from 'node:path'
import { Command } from 'commander'
import { addressText } from '../../config/address.ts'
import { loadConfig, type LoadedConfig } from '../../config/load.ts'
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
  const { routes, upstreams, listeners } = plan
  return { valid: true, file, hash, routes: routes.length, upstreams: upstreams.length, listen: listeners.map(addressText) }
}

function sentence({ file, plan: { routes, upstreams, listeners } }: LoadedConfig): string {
  return `${file} is valid: ${counted(routes.length, 'route')}, ${counted(upstreams.length, 'upstream')}, listens on ${listeners.map(addressText).join(', ')}`
}
