import { isJson, type Json } from './fields.ts'
import { lose } from './problem.ts'

/** Refuses what Claude has no counterpart for, where it asks for anything: most of these have a value that asks for nothing. */
export function checkLost(body: Json, lossy: boolean): void {
  if (lossy) return
  for (const [name, isNothing] of lost) {
    const value = body[name]
    if (value !== undefined && value !== null && !isNothing(value)) lose(lossy, name, "this cannot be put into Claude's terms")
  }
}

/** The fields that Claude has no counterpart for. */
export function lostNames(): readonly string[] {
  return [...lost.keys()]
}

type IsNothing = (value: unknown) => boolean

const never: IsNothing = () => false
const isEmpty: IsNothing = (value) => isJson(value) && Object.keys(value).length === 0

function is(nothing: unknown): IsNothing {
  return (value) => value === nothing
}

const lost: ReadonlyMap<string, IsNothing> = new Map([
  ['audio', never],
  ['frequency_penalty', is(0)],
  ['logit_bias', isEmpty],
  ['logprobs', is(false)],
  ['metadata', isEmpty],
  ['modalities', (value) => Array.isArray(value) && value.every((each) => each === 'text')],
  ['moderation', never],
  ['n', is(1)],
  ['prediction', never],
  ['presence_penalty', is(0)],
  ['prompt_cache_key', never],
  ['prompt_cache_options', isEmpty],
  ['prompt_cache_retention', never],
  ['seed', never],
  ['store', is(false)],
  ['top_logprobs', is(0)],
  ['verbosity', is('medium')],
  ['web_search_options', never],
])
