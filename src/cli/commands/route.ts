import { Command } from 'commander'
import type { Context } from '../command.ts'
import { routeAddCommand } from './route-add.ts'
import { routeListCommand } from './route-list.ts'
import { routeRemoveCommand } from './route-remove.ts'
import { routeShowCommand } from './route-show.ts'

/** `relay route add`, `remove`, `list` and `show`. */
export function routeCommand(context: Context): Command {
  return new Command('route')
    .description('add, remove, list and show routes: in the config file, and in the running relay at once')
    .addCommand(routeAddCommand(context))
    .addCommand(routeRemoveCommand(context))
    .addCommand(routeListCommand(context))
    .addCommand(routeShowCommand(context))
}
