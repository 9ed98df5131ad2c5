import { Command } from 'commander'
import type { Context } from './command.ts'
import { configCommand } from './commands/config.ts'
import { initCommand } from './commands/init.ts'
import { reloadCommand } from './commands/reload.ts'
import { routeCommand } from './commands/route.ts'
import { startCommand } from './commands/start.ts'
import { statusCommand } from './commands/status.ts'
import { stopCommand } from './commands/stop.ts'
import { tenantCommand } from './commands/tenant.ts'
import { usageCommand } from './commands/usage.ts'
import { validateCommand } from './commands/validate.ts'
import { exitHelp } from './exit.ts'
import { version } from './version.ts'

const examples = `
Examples:
  relay start --upstream https://api.anthropic.com --key-env ANTHROPIC_API_KEY
  relay init && relay start
  relay route add v1/user --to https://api.claude.ai/v3/user
  relay status --json`

/** The whole command line; a typo gets a suggestion, and nothing here ends the process. */
export function program(context: Context): Command {
  const { io } = context
  const relay = new Command('relay')
    .description('Stands between callers and the Claude API, and any other HTTP or gRPC backend.')
    .version(version, '-V, --version', 'print the version')
    .addHelpText('after', `${examples}\n${exitHelp}`)
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false, getErrHasColors: () => false })
    .exitOverride()
  const commands = [
    startCommand,
    initCommand,
    validateCommand,
    reloadCommand,
    statusCommand,
    stopCommand,
    routeCommand,
    tenantCommand,
    usageCommand,
    configCommand,
  ]
  for (const command of commands) relay.addCommand(inherited(command(context), relay))
  return relay
}

/** Settings reach commands that are added ready-made only when they are copied, and theirs too. */
function inherited(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const below of command.commands) inherited(below, command)
  return command
}
