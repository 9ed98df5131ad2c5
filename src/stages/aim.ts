import type { Call, Stage } from '../engine/call.ts'
import { latin1 } from '../protocol/bytes.ts'
import { captures, type PathPattern } from '../engine/router.ts'

/** What a route's path becomes. */
export interface AimOptions {
  readonly path: PathPattern
  /** In place of what the path matched; null: the path as it came. */
  readonly rewrite: string | null
  /** Stands before every path: the upstream's own. */
  readonly base: string
}

/** Points a call at its upstream's path; what stands behind may ask for `outgoingPath`. */
export function aim(options: AimOptions): Stage {
  const pointed = aimFor(options)
  return (call, next) => {
    pointed(call)
    return next(call)
  }
}

/** The path as it goes out, without the query. */
export function outgoingPath(call: Call): string {
  const { head, targetPrefix, targetFrom } = call
  if (targetPrefix.length === 0 && targetFrom === head.pathStart) return head.path
  const kept = targetFrom < head.pathEnd ? latin1(head.fields.bytes, targetFrom, head.pathEnd) : ''
  return latin1(targetPrefix, 0, targetPrefix.length) + kept || '/'
}

type Aim = (call: Call) => void

/** How a route's path becomes the upstream's: decided once, so that a call only sets a prefix and an offset. */
function aimFor({ path, rewrite, base }: AimOptions): Aim {
  const prefix = Buffer.from(base + (rewrite ?? ''), 'latin1')
  if (rewrite === null) return (call) => point(call, prefix, call.head.pathStart)
  switch (path.is) {
    case 'prefix': {
      const matched = path.path === '/' ? 0 : path.path.length
      return (call) => point(call, prefix, call.head.pathStart + matched)
    }
    case 'exact':
      return (call) => point(call, prefix, call.head.pathEnd)
    case 'template':
      return (call) => point(call, Buffer.from(base + filled(rewrite, path.template, call), 'latin1'), call.head.pathEnd)
  }
}

function point(call: Call, prefix: Buffer, from: number): void {
  call.targetPrefix = prefix
  call.targetFrom = from
}

function filled(rewrite: string, template: string, call: Call): string {
  const values = captures(template, call.head.path)
  return rewrite.replaceAll(/\{([^}]*)\}/g, (_all, name: string) => values.get(name) ?? '')
}
