import { listAt, objectAt, textAt, type Json } from './fields.ts'
import { invalid, lose } from './problem.ts'

/** Which tools a caller wants used. */
export type Choice = {
  /** The field that says so. */
  readonly param: string
  /** Whether the caller said so, or nothing. */
  readonly isSaid: boolean
  /** Names of the tools that may be used at all; null: all of them. */
  readonly only: ReadonlySet<string> | null
} & ({ readonly type: 'auto' | 'any' | 'none' } | { readonly type: 'tool'; readonly name: string })

/** How tools were given. */
export interface ChoiceOptions {
  readonly isLegacy: boolean
  readonly lossy: boolean
}

/** Reads `tool_choice`, or `function_call`. */
export function chosen(body: Json, { isLegacy, lossy }: ChoiceOptions): Choice {
  const param = isLegacy ? 'function_call' : 'tool_choice'
  const value = body[param]
  const said = { param, isSaid: true, only: null }
  if (value === undefined || value === null) return { ...said, type: 'auto', isSaid: false }
  switch (value) {
    case 'auto':
      return { ...said, type: 'auto' }
    case 'none':
      return { ...said, type: 'none' }
    case 'required':
      return { ...said, type: 'any' }
  }
  if (typeof value === 'string') throw invalid(param, `${value} is not a choice`)
  const choice = objectAt(value, param)
  if (isLegacy) return { ...said, type: 'tool', name: textAt(choice['name'], 'function_call.name') }
  return toolChoice(choice, lossy)
}

function toolChoice(choice: Json, lossy: boolean): Choice {
  const param = 'tool_choice'
  const said = { param, isSaid: true, only: null }
  const type = textAt(choice['type'], 'tool_choice.type')
  if (type === 'function') {
    const called = objectAt(choice['function'], 'tool_choice.function')
    return { ...said, type: 'tool', name: textAt(called['name'], 'tool_choice.function.name') }
  }
  if (type === 'allowed_tools') return allowedTools(objectAt(choice['allowed_tools'], 'tool_choice.allowed_tools'))
  lose(lossy, 'tool_choice.type', `${type} cannot be put into Claude's terms`)
  return { ...said, type: 'auto', isSaid: false }
}

/** Some of the tools: the others are not shown to Claude. */
function allowedTools(allowed: Json): Choice {
  const at = 'tool_choice.allowed_tools'
  const mode = textAt(allowed['mode'], `${at}.mode`)
  if (mode !== 'auto' && mode !== 'required') throw invalid(`${at}.mode`, 'auto or required is expected')
  const names = listAt(allowed['tools'], `${at}.tools`).map((tool, k) => {
    const given = objectAt(tool, `${at}.tools[${k}]`)
    const called = objectAt(given['function'], `${at}.tools[${k}].function`)
    return textAt(called['name'], `${at}.tools[${k}].function.name`)
  })
  return { param: 'tool_choice', isSaid: true, only: new Set(names), type: mode === 'auto' ? 'auto' : 'any' }
}
