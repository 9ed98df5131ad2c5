import { Command } from 'commander'
import { removeRoute } from '../../config/edit.ts'
import type { Context, JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { near } from '../near.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'
import { editableFile, editAndApply } from '../route-edit.ts'

/** `relay route remove`. */
export function routeRemoveCommand(context: Context): Command {
  return new Command('remove')
    .description('remove a route; calls in flight on it end as they began')
    .argument('<path>', 'the route, as `relay route list` shows it')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  relay route remove v1/user')
    .action(async (path: string, flags: Which & JsonFlag) => {
      const file = await editableFile(flags, context)
      await editAndApply(file, (text) => removeRoute(text, path, near(file, context.io.cwd)), flags, context)
    })
}
