import { RelayError } from '../base/errors.ts'
import type { Call, Stage } from '../engine/call.ts'
import type { PathPattern } from '../engine/router.ts'
import { outgoingPath } from './aim.ts'

/** What a route gives its tenants. */
export interface ReachOptions {
  /** The upstream is a Claude API, and its credential the same for all tenants: they reach what has no owners, and nothing else. */
  readonly isShared: boolean
  readonly path: PathPattern
  readonly rewrite: string | null
  /** The upstream's own path, which stands before every other. */
  readonly base: string
  /** Chat completions become messages on this route. */
  readonly takesChats?: boolean
}

/**
 * Holds a tenant to the routes that are its own and, on a credential that it shares with others, to endpoints whose objects cannot be
 * another tenant's: batches and files have no owners yet. What goes out is what is looked at, spelled exactly.
 */
export function reach(options: ReachOptions): Stage {
  const { isShared } = options
  const isOpen = openEndpoints(options)
  return (call, next) => {
    const { tenant } = call
    if (tenant === null) return next(call)
    const { routes } = tenant
    if (routes !== null && !routes.includes(call.route.family))
      return Promise.reject(new RelayError('forbidden', `tenant ${tenant.name} may not call the route ${call.route.name}`))
    if (isShared && !isOpen(call)) return Promise.reject(closed(call))
    return next(call)
  }
}

/** Whether a call goes to one of the endpoints without owners. What stands before `/v1/` must be the operator's, not the caller's. */
function openEndpoints({ path, rewrite, base, isShared, takesChats = false }: ReachOptions): (call: Call) => boolean {
  const operators = (rewrite ?? literal(path)).replace(/\/$/, '')
  const own = base.endsWith('/v1') ? base.slice(0, -3) : base
  const posts = new Set(['/v1/messages', '/v1/messages/count_tokens', ...(takesChats ? ['/v1/chat/completions'] : [])])
  return isShared ? isOpen : () => true

  function isOpen(call: Call): boolean {
    const whole = outgoingPath(call)
    if (!whole.startsWith(own)) return false
    const rest = own === '' ? whole : whole.slice(own.length)
    const from = rest.indexOf('/v1/')
    if (from < 0 || (from > 0 && !operators.startsWith(rest.slice(0, from)))) return false
    const endpoint = from === 0 ? rest : rest.slice(from)
    const { method } = call
    if (method === 'POST') return posts.has(endpoint)
    return (method === 'GET' || method === 'HEAD') && (endpoint === '/v1/models' || oneModel.test(endpoint))
  }
}

/** The part of a route's path that every call of it begins with. */
function literal(path: PathPattern): string {
  if (path.is !== 'template') return path.path
  const variable = path.template.indexOf('{')
  return variable < 0 ? path.template : path.template.slice(0, variable)
}

function closed({ head }: Call): RelayError {
  return new RelayError(
    'forbidden',
    `tenants share this upstream's credential, so they reach messages, count_tokens and models only, not ${head.method} ${head.path}`,
  )
}

/** An id is one segment without escapes; the parser takes no dot segments. */
const oneModel = /^\/v1\/models\/[\w.:@-]+$/
