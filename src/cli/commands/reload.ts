import { Command } from 'commander'
import { ConfigError } from '../../base/errors.ts'
import type { ReloadOutcome } from '../../control/api.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { withRelay, type Which } from '../find.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'

/** `relay reload`. */
export function reloadCommand(context: Context): Command {
  return new Command('reload')
    .description('make the running relay read its config again; what cannot be used changes nothing')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  relay reload --config relay.config.yaml')
    .action(async (flags: Which & JsonFlag) => {
      const outcome = await withRelay(flags, context, (client) => client.reload())
      show(context, flags, outcome, [reloadSentence(outcome)])
    })
}

/** What a reload did; throws where it did nothing that was asked for. */
function reloadSentence(outcome: ReloadOutcome): string {
  switch (outcome.is) {
    case 'applied':
      return `reloaded: version ${outcome.version} (${outcome.changed.join('; ')})`
    case 'unchanged':
      return `nothing changed: version ${outcome.version} goes on`
    case 'rejected':
      throw new ConfigError(outcome.problems)
    case 'stale':
      throw new CommandError(1, `the file changed meanwhile: version ${outcome.version} goes on; try again`)
    case 'refused':
      throw new CommandError(1, `not reloaded: ${outcome.reason}`)
  }
}
