import type { Stage } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Name } from '../protocol/names.ts'

/** The upstream's own credential: the field that carries it, and its whole value. */
export interface CredentialOptions {
  readonly field: 'x-api-key' | 'authorization'
  readonly secret: string
}

/**
 * Takes the caller's credential off, in both fields that can carry one, and puts the upstream's own in. The reply's
 * `anthropic-ratelimit-*` describe that shared key, not the caller: they stay here.
 */
export function credential({ field, secret }: CredentialOptions): Stage {
  const name = fieldName(field)
  const line = fieldLine(name, field === 'authorization' ? `Bearer ${secret}` : secret)
  return async (call, next) => {
    call.edits.drop(callers)
    // A rule may have set the same field.
    call.edits.setLine(name, line)
    const reply = await next(call)
    reply.edits.removePrefix(rateLimits)
    return reply
  }
}

const callers = (1 << Name.apiKey) | (1 << Name.authorization)
const rateLimits = Buffer.from('anthropic-ratelimit-')
