import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { listRoutes, targetText } from '../../config/edit.ts'
import type { RoutesReply, RouteStatus } from '../../control/api.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import { withRelayIfAny, type Which } from '../find.ts'
import { near } from '../near.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'
import { editableFile } from '../route-edit.ts'
import { columns, translatesText } from '../route-text.ts'

/** `relay route list`. */
export function routeListCommand(context: Context): Command {
  return new Command('list')
    .description('list the routes of the running relay, or else those of the config file')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay route list\n  relay route list --json')
    .action(async (flags: Which & JsonFlag) => {
      const running = await withRelayIfAny(flags, context, (client) => client.routes())
      if (running === null) await listFile(flags, context)
      else show(context, flags, { running: true, ...running }, runningLines(running))
    })
}

async function listFile(flags: Which & JsonFlag, context: Context): Promise<void> {
  const file = await editableFile(flags, context)
  const routes = listRoutes(await readFile(file, 'utf8'), near(file, context.io.cwd)).map((route) => ({
    name: route.name,
    line: route.line,
    to: targetText(route.value),
  }))
  const table = columns(routes.map(({ name, to }) => [name, to]))
  show(context, flags, { running: false, file, routes }, [...table, `(from ${near(file, context.io.cwd)}; no relay is running with it)`])
}

function runningLines({ routes, version }: RoutesReply): readonly string[] {
  const table = columns(routes.map((route) => [route.name, route.to, conditions(route)]))
  return [...table, `(the running relay, version ${version})`]
}

function conditions({ host, methods, match, when, refusal, translates, upgrades, descriptors }: RouteStatus): string {
  const parts = [
    match === 'prefix' ? '' : match,
    methods?.join('|') ?? '',
    host === null ? '' : `host ${host}`,
    ...when,
    refusal === null ? '' : 'refused (400)',
    translates === null ? '' : translatesText[translates],
    descriptors === 'awaited' ? 'waits for the server to say what its methods are' : '',
    upgrades.join('|'),
  ]
  return parts.filter((part) => part !== '').join(', ')
}
