import { Command } from 'commander'
import { configJsonSchema } from '../../config/json-schema.ts'
import type { Context } from '../command.ts'
import { jsonOption } from '../options.ts'

/** `relay config schema`. */
export function configCommand({ io }: Context): Command {
  const schema = new Command('schema')
    .description('print the JSON Schema of the config file: every key, with what it is for and its default')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  relay config schema > relay.config.schema.json')
    .action(({ json = false }: { readonly json?: boolean }) => {
      io.out(`${JSON.stringify(configJsonSchema(), null, json ? 0 : 2)}\n`)
    })
  return new Command('config').description('about the config file').addCommand(schema)
}
