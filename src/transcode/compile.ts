import type { DescMethod, FileRegistry } from '@bufbuild/protobuf'
import { ConfigError, type Problem } from '../base/errors.ts'
import { bindingOf, type Binding } from './binding.ts'
import { rulesOf, ruleText, type HttpRule } from './http-rule.ts'
import { MatchTree } from './match-tree.ts'
import { nameOf } from './method.ts'
import type { BoundMethod } from './types.ts'

/** All methods of a set with their bindings, in the order of the set; what is wrong with any rule is a ConfigError that names method and rule. */
export function bindingsOf(files: FileRegistry): ReadonlyMap<DescMethod, readonly Binding[]> {
  const problems: Problem[] = []
  const bindings = new Map(methodsOf(files).map((method) => [method, compile(method, rulesFor(method, problems), problems)] as const))
  if (problems.length > 0) throw new ConfigError(problems)
  return bindings
}

/** The bindings of one method at a path of the config. */
export function bindingsAt(files: FileRegistry, { name, template, httpMethods = plainMethods }: BoundMethod): readonly Binding[] {
  const method = methodsOf(files).find((each) => nameOf(each) === name.replace(/^\//, ''))
  if (method === undefined) {
    const known = methodsOf(files).map(nameOf).join(', ')
    throw new ConfigError([
      { path: name, message: 'the descriptors have no such method', remedy: known === '' ? 'they have none' : `one of: ${known}` },
    ])
  }
  const problems: Problem[] = []
  const rules = httpMethods.map((each) => ({ httpMethod: each, path: template, body: bodiless.has(each) ? '' : '*', responseBody: '' }))
  const bindings = compile(method, rules, problems)
  // The same is wrong under each HTTP method.
  if (problems.length > 0) throw new ConfigError(problems.slice(0, 1))
  return bindings
}

/** Bindings by HTTP method and path; two that say the same are a ConfigError. */
export function treeOf(bindings: Iterable<Binding>): MatchTree<Binding> {
  const tree = new MatchTree<Binding>()
  const problems: Problem[] = []
  for (const binding of bindings) {
    const there = tree.add(binding.httpMethod, binding.template, binding)
    if (there === null) continue
    const other = `${there.template.text} of ${nameOf(there.method)}`
    const path = `${nameOf(binding.method)} (${binding.httpMethod} ${binding.template.text})`
    problems.push({ path, message: `stands for the same paths as ${other}`, remedy: 'give each method a path of its own' })
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return tree
}

function methodsOf(files: FileRegistry): readonly DescMethod[] {
  return [...files].flatMap((type) => (type.kind === 'service' ? type.methods : []))
}

function rulesFor(method: DescMethod, problems: Problem[]): readonly HttpRule[] {
  const rules = rulesOf(method)
  if (typeof rules === 'string') {
    problems.push(problemOf(method, 'google.api.http', rules))
    return []
  }
  return rules.length > 0 ? rules : [{ httpMethod: 'POST', path: `/${nameOf(method)}`, body: '*', responseBody: '' }]
}

function compile(method: DescMethod, rules: readonly HttpRule[], problems: Problem[]): readonly Binding[] {
  return rules.flatMap((rule) => {
    const binding = bindingOf(method, rule)
    if ('template' in binding) return binding
    problems.push(...binding.map((wrong) => problemOf(method, ruleText(rule), wrong)))
    return []
  })
}

function problemOf(method: DescMethod, rule: string, message: string): Problem {
  return { path: `${nameOf(method)} (${rule})`, message, remedy: 'see google/api/http.proto' }
}

const plainMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE'])
