import { addressText, isLoopback } from '../config/address.ts'
import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { Status } from '../control/api.ts'
import type { Relay } from '../relay/relay.ts'
import { counted } from './counted.ts'
import { near } from './near.ts'
import { reachable } from './reachable.ts'

/** Where relay was started, and in which environment. */
interface Place {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** What `relay start` prints once it listens. */
export function banner(relay: Pick<Relay, 'status' | 'plan' | 'control'>, { cwd, env }: Place): readonly string[] {
  // Whoever started relay in a way of its own (`npm start`) says how a person calls it there.
  const command = env['RELAY_COMMAND'] ?? 'relay'
  const status = relay.status()
  const plan = relay.plan()
  const workers = status.workers.length
  const isBuiltin = plan.upstreams.some((upstream) => upstream.builtin)
  return [
    `relay ${status.relay} listens on ${urls(status).join(', ')} (${counted(workers, 'worker')}, pid ${status.pid})`,
    `  serves     ${sourceLine(status, cwd)}`,
    `  metrics    ${status.admin === null ? 'off' : `http://${addressText(status.admin)}/metrics`}`,
    ...(status.accept === 'alone' ? ['  note       workers cannot share a port on this system: one worker serves alone'] : []),
    ...(isOpen(plan) ? ['  note       public: whoever reaches this address spends the key that relay puts in'] : []),
    ...(plan.routes.some((route) => asksForKey(plan, route)) ? [`  tenants    callers need a key of one: ${command} tenant add NAME`] : []),
    `  try it     ${curl(plan, urls(status)[0] ?? '')}`,
    ...(isBuiltin ? [`  real API   ${command} start --upstream https://api.anthropic.com --key-env ANTHROPIC_API_KEY`] : []),
    `  stop it    ${command} stop, or Ctrl-C`,
  ]
}

function urls({ listeners }: Status): readonly string[] {
  return listeners.map(({ host, port, tls }) => `${tls ? 'https' : 'http'}://${addressText({ host: reachable(host), port })}`)
}

function sourceLine({ source, routes }: Status, cwd: string): string {
  if (source.is === 'flags') return `every path to ${source.upstream}`
  return `${counted(routes, 'route')} of ${near(source.file, cwd)}; changes to the file are taken up at once`
}

/** Whether other machines can spend a key without having one of their own. */
function isOpen(plan: Plan): boolean {
  const { guard, listeners, routes } = plan
  const isFree = (route: RoutePlan): boolean => route.credential === 'replace' && !asksForKey(plan, route)
  return guard === null && routes.some(isFree) && !listeners.every((listener) => isLoopback(listener))
}

function asksForKey({ tenancy }: Plan, { authenticate }: RoutePlan): boolean {
  return tenancy !== null && authenticate
}

function curl(plan: Plan, url: string): string {
  const claude = plan.routes.find((route) => reaches(route, '/v1/messages') && upstreamOf(plan, route)?.kind === 'claude')
  if (claude === undefined) return `curl -i ${url}${pathOf(plan.routes[0])}`
  const key = asksForKey(plan, claude) ? '-H "x-api-key: $TENANT_KEY" ' : keyField(claude, upstreamOf(plan, claude))
  const body = '{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}'
  return `curl ${url}/v1/messages ${key}-H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' -d '${body}'`
}

function keyField(route: RoutePlan, upstream: UpstreamPlan | undefined): string {
  if (route.credential === 'replace') return ''
  return upstream?.builtin === true ? "-H 'x-api-key: any' " : '-H "x-api-key: $ANTHROPIC_API_KEY" '
}

function upstreamOf({ upstreams }: Plan, route: RoutePlan): UpstreamPlan | undefined {
  return upstreams.find((upstream) => upstream.name === route.upstream)
}

function reaches({ path, rewrite, host }: RoutePlan, wanted: string): boolean {
  if (host !== null || rewrite !== null) return false
  switch (path.is) {
    case 'exact':
      return path.path === wanted
    case 'prefix':
      return path.path === '/' || wanted === path.path || wanted.startsWith(`${path.path}/`)
    case 'template':
      return false
  }
}

function pathOf(route: RoutePlan | undefined): string {
  if (route === undefined) return '/'
  return route.path.is === 'template' ? route.path.template : route.path.path
}
