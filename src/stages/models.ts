import { RelayError } from '../base/errors.ts'
import { matchesPattern } from '../base/pattern.ts'
import { isBatches } from '../claude/endpoints.ts'
import type { Asked, Call, Stage } from '../engine/call.ts'
import { outgoingPath } from './aim.ts'

/** Says of a model whether it is one of those that a list names. */
export type ModelMatch = (model: string) => boolean

/** Holds a tenant to its models. It stands behind `peek`: where no model was found, a list refuses. */
export function models(): Stage {
  return (call, next) => {
    const refused = call.tenant === null || call.tenant.models === null ? null : refusalOf(call, call.tenant.models)
    return refused === null ? next(call) : Promise.reject(refused)
  }
}

/** A list of models as a question; `*` stands for any text. The same list gives the same question. */
function allowsModel(patterns: readonly string[]): ModelMatch {
  let match = known.get(patterns)
  if (match === undefined) {
    match = matchOf(patterns)
    known.set(patterns, match)
  }
  return match
}

/** What a call is told whose model has to be known, and is not: a client that sends a large body with its model at the end can help that. */
export function modelNeeded(asked: Asked | null, why: string): RelayError {
  if (asked !== null && asked.body !== null) return new RelayError('bad_request', `the request body does not name a model, and ${why}`)
  const remedy = 'send model before messages, or have bounds.peek raised in the config of relay'
  return new RelayError('bad_request', `the request body does not name a model in that part of it which is read, and ${why}: ${remedy}`)
}

function refusalOf(call: Call, patterns: readonly string[]): RelayError | null {
  const { asked } = call
  if (asked === null) {
    if (call.head.method !== 'POST' || !isBatches(outgoingPath(call))) return null
    return new RelayError('forbidden', 'this tenant may use certain models only, and those of a batch are not looked at')
  }
  if (asked.model === null) return modelNeeded(asked, 'this tenant may use certain models only')
  if (allowsModel(patterns)(asked.model)) return null
  return new RelayError('bad_request', `this tenant may not use the model ${asked.model}`)
}

const known = new WeakMap<readonly string[], ModelMatch>()

function matchOf(patterns: readonly string[]): ModelMatch {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const open = patterns.filter((pattern) => pattern.includes('*'))
  return (model) => exact.has(model) || open.some((pattern) => matchesPattern(pattern, model))
}
