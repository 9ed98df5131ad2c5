import { Command } from 'commander'
import { problemLine } from '../../base/errors.ts'
import { addressText } from '../../config/address.ts'
import type { Status } from '../../control/api.ts'
import { show, type Context, type JsonFlag } from '../command.ts'
import { counted } from '../counted.ts'
import { sourceText, withRelay, type Which } from '../find.ts'
import { configOption, controlOption, jsonOption } from '../options.ts'

/** `relay status`. */
export function statusCommand(context: Context): Command {
  return new Command('status')
    .description('show how the running relay does')
    .addOption(configOption())
    .addOption(controlOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  relay status\n  relay status --json')
    .action(async (flags: Which & JsonFlag) => {
      const status = await withRelay(flags, context, (client) => client.status())
      show(context, flags, status, lines(status))
    })
}

function lines(status: Status): readonly string[] {
  const { snapshot, admin, workers, lastProblems } = status
  const states = workers.map(({ state, connections, restarts }) => {
    const replaced = restarts === 0 ? '' : `, replaced ${counted(restarts, 'time')}`
    return `${state} with ${counted(connections, 'connection')}${replaced}`
  })
  return [
    `relay ${status.relay} is ${status.phase} since ${status.startedAt} (pid ${status.pid})`,
    `config     ${sourceText(status)}`,
    `version    ${snapshot.version}, committed ${snapshot.committedAt} (${snapshot.hash.slice(0, 12)})`,
    `listens    ${status.listeners.map(({ tls, ...address }) => `${tls ? 'https' : 'http'}://${addressText(address)}`).join(', ')}`,
    `metrics    ${admin === null ? 'off' : `http://${addressText(admin)}/metrics`}`,
    `workers    ${states.join('; ')} (${status.accept})`,
    `routes     ${status.routes} to ${counted(status.upstreams, 'upstream')}`,
    ...serviceLines(status),
    ...lastProblems.map((problem) => `rejected   ${problemLine(problem)}`),
  ]
}

function serviceLines({ tenants, ledger, redis }: Status): readonly string[] {
  const lost = ledger === null || ledger.estimated === 0 ? '' : `, ${counted(ledger.estimated, 'lost call')} counted by estimate`
  const past = redis === null || redis.timesAway === 0 ? '' : `, was away ${counted(redis.timesAway, 'time')}`
  const why = redis?.isAway === true && redis.lastError !== null ? ` (${redis.lastError})` : ''
  return [
    ...(tenants === null ? [] : [`tenants    ${tenants.tenants} with ${counted(tenants.keys, 'key')}`]),
    ...(ledger === null ? [] : [`ledger     ${ledger.file}, ${ledger.state}${lost}`]),
    ...(redis === null ? [] : [`redis      ${redis.isAway ? 'away' : 'there'}${why}, ${counted(redis.nodes, 'node')}${past}`]),
  ]
}
