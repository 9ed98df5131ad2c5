import { type Findings, type KeyPath, shown } from './findings.ts'
import type { HeaderRulePlan } from './plan.ts'
import type { HeadersFile } from './schema-route.ts'
import type { Sources } from './sources.ts'
import { readTemplate } from './template.ts'

type RulesFile = NonNullable<HeadersFile['request']>

/** Fields that relay writes itself: they frame a message or belong to one connection. */
const owned = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'te',
  'trailer',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'expect',
  'http2-settings',
])

const mostRules = 64

/** What the header rules of a file or route come to: those for requests and those for replies, each in the order they are applied. */
export interface HeaderRules {
  readonly request: readonly HeaderRulePlan[]
  readonly reply: readonly HeaderRulePlan[]
}

/** Compiles header rules: what is removed first, then what is set, then what is added. */
export function headerRules(
  written: HeadersFile | undefined,
  path: KeyPath,
  { sources, found }: { readonly sources: Sources; readonly found: Findings },
): HeaderRules {
  const side = (rules: RulesFile | undefined, key: string): readonly HeaderRulePlan[] =>
    rules === undefined ? [] : sideRules(rules, [...path, key], { sources, found })
  return { request: side(written?.request, 'request'), reply: side(written?.reply, 'reply') }
}

/** Whether a rule puts a secret into requests: it is then the same as an upstream's own credential. */
export function injectsCredential(rules: readonly HeaderRulePlan[]): boolean {
  const isSecret = (rule: HeaderRulePlan): boolean =>
    rule.op !== 'remove' &&
    /key|token|secret|auth|credential|password|cookie/.test(rule.name) &&
    // What is made of variables alone says something about the call, and is nobody's secret.
    rule.value.some((part) => 'text' in part && part.text.trim() !== '')
  return rules.some(isSecret)
}

function sideRules(
  rules: RulesFile,
  path: KeyPath,
  { sources, found }: { readonly sources: Sources; readonly found: Findings },
): readonly HeaderRulePlan[] {
  const made: HeaderRulePlan[] = []
  const put = (op: 'set' | 'add', written: string, value: string, at: KeyPath): void => {
    const name = fieldName(written, [...path, op, written], 'key', found)
    const template = readTemplate(value, sources)
    if (template.is === 'fault') found.add(at, template.message, template.remedy)
    else if (name !== undefined) made.push({ op, name, value: template.parts })
  }
  rules.remove?.forEach((written, index) => {
    const name = fieldName(written, [...path, 'remove', index], 'value', found)
    if (name !== undefined) made.push({ op: 'remove', name })
  })
  for (const [name, value] of Object.entries(rules.set ?? {})) put('set', name, value, [...path, 'set', name])
  for (const [name, value] of Object.entries(rules.add ?? {})) {
    if (typeof value === 'string') put('add', name, value, [...path, 'add', name])
    else value.forEach((one, index) => put('add', name, one, [...path, 'add', name, index]))
  }
  if (made.length > mostRules) found.addKey(path, `holds ${made.length} rules`, `use at most ${mostRules}`)
  return made
}

function fieldName(written: string, path: KeyPath, at: 'key' | 'value', found: Findings): string | undefined {
  const name = written.toLowerCase()
  const add = at === 'key' ? found.addKey : found.add
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]{1,256}$/.test(name)) {
    add(path, `${shown(written)} is not the name of a header field`, 'use letters, digits and dashes')
    return undefined
  }
  if (owned.has(name)) {
    add(path, `the field ${name} is relay's own`, 'leave it out: it frames the message or belongs to one connection')
    return undefined
  }
  return name
}
