import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { ConfigError } from '../../base/errors.ts'
import { addRoute, listRoutes } from '../../config/edit.ts'
import { CommandError, type Context, type JsonFlag } from '../command.ts'
import type { Which } from '../find.ts'
import { near } from '../near.ts'
import { configOption, controlOption, given, jsonOption } from '../options.ts'
import { editableFile, editAndApply } from '../route-edit.ts'
import { hasTarget, type RouteFlags, routeOf, routeOptions } from '../route-flags.ts'

type AddFlags = Which & JsonFlag & RouteFlags

const examples = `
Examples:
  relay route add v1/user --to https://api.claude.ai/v3/user
  relay route add v2/chat --to https://gateway.claude.ai/2024-03/chat --header x-team=search --timeout 30s
  relay route add v1/messages        to the default upstream, same path
  relay route add v1/users/{id} --grpc 127.0.0.1:50051/users.v1.Users/GetUser --proto users.proto
  relay route add users.v1.Users --to grpc://127.0.0.1:50051
  relay route add v1/chat --to claude --openai
  relay route add v1/live --to http://127.0.0.1:3000 --upgrade websocket --when-header x-beta
  relay route add user --version-by header:x-api-version --version-default v1 --version-map v1=https://old/user --version-map v2=https://new/user`

/** `relay route add`. */
export function routeAddCommand(context: Context): Command {
  const command = new Command('add')
    .description('add a route')
    .argument('<path>', 'what callers ask for; it matches itself and all below it, or with {variables} the whole path')
  for (const option of routeOptions()) command.addOption(option)
  return command
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (path: string, flags: AddFlags) => add(path, flags, context))
}

async function add(path: string, flags: AddFlags, context: Context): Promise<void> {
  const { cwd } = context.io
  const file = await editableFile(flags, context)
  const route = routeOf(path, flags, { file, cwd })
  const to = hasTarget(flags) ? undefined : await missingTarget(path, file, context)
  await editAndApply(file, (text) => addRoute(text, { ...route, ...given({ to: to ?? route.to }) }, near(file, cwd)), flags, context)
}

/** Without --to a route goes to the default upstream; where there is none, the person at the terminal is asked. */
async function missingTarget(path: string, file: string, { io }: Context): Promise<string | undefined> {
  const text = await readFile(file, 'utf8')
  // A file that is wrong already is told as it is, whatever route was meant.
  listRoutes(text, near(file, io.cwd))
  if (hasDefault(text, path)) return undefined
  const line = `relay route add ${path} --to https://host/path`
  if (io.ask === null) throw new CommandError(2, `say where ${path} goes (there is no default upstream): ${line}`)
  const answer = (await io.ask(`Where does ${path} go (an URL, or the name of an upstream)? `)).trim()
  if (answer === '') throw new CommandError(2, `nothing was changed; say where ${path} goes: ${line}`)
  return answer
}

/** Whether the config takes a route without a target; anything else that may be wrong with the route is told when it is added. */
function hasDefault(text: string, path: string): boolean {
  try {
    addRoute(text, { path })
    return true
  } catch (error) {
    if (error instanceof ConfigError) return !error.problems.some(({ message }) => message.includes('no default upstream'))
    throw error
  }
}
