import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { stringify } from 'yaml'
import { listRoutes } from '../../config/edit.ts'
import { suggest } from '../../config/nearest.ts'
import { routeName } from '../../config/route-path.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { withRelayIfAny, type Which } from '../find.ts'
import { near } from '../near.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'
import { editableFile } from '../route-edit.ts'
import { routeLines } from '../route-text.ts'

/** `relay route show`. */
export function routeShowCommand(context: Context): Command {
  return new Command('show')
    .description('show a route of the running relay with all of its versions, or else what the config file says of it')
    .argument('<route>', 'its name, as `relay route list` shows it')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay route show v1/users/{id}\n  relay route show user@v2 --json')
    .action(async (name: string, flags: Which & JsonFlag) => {
      const running = await withRelayIfAny(flags, context, (client) => client.routes())
      if (running === null) return showWritten(name, flags, context)
      const wanted = routeName(name)
      const routes = running.routes.filter((route) => route.name === wanted || route.family === wanted)
      if (routes.length === 0)
        throw unknownRoute(
          name,
          running.routes.map((route) => route.name),
        )
      const lines = [...routes.flatMap(routeLines), `(the running relay, version ${running.version})`]
      show(context, flags, { running: true, version: running.version, routes }, lines)
    })
}

async function showWritten(name: string, flags: Which & JsonFlag, context: Context): Promise<void> {
  const file = await editableFile(flags, context)
  const place = near(file, context.io.cwd)
  const all = listRoutes(await readFile(file, 'utf8'), place)
  const route = all.find((one) => one.name === routeName(name))
  if (route === undefined)
    throw unknownRoute(
      name,
      all.map((one) => one.name),
    )
  const written = stringify({ [route.key]: route.value })
    .trimEnd()
    .split('\n')
  const lines = [...written, `(from ${place}, line ${route.line}; no relay is running with it)`]
  show(context, flags, { running: false, file, name: route.name, line: route.line, written: route.value }, lines)
}

function unknownRoute(name: string, known: readonly string[]): CommandError {
  return new CommandError(1, `there is no route '${name}' (${suggest(routeName(name), known, 'route')})`)
}
