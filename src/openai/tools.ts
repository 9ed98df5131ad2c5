import { checkNames, flagAt, listAt, maybeText, objectAt, textAt, type Json } from './fields.ts'
import { invalid, lose, OpenAiProblem } from './problem.ts'
import { chosen, type Choice } from './tool-choice.ts'

/** What a request says of tools, in Claude's terms. */
export interface Tools {
  readonly tools?: readonly Json[]
  readonly tool_choice?: Json
}

/** The tools of a request, and whether they were given in the old way, so that a reply answers in it too. */
export interface ToolWish {
  readonly fields: Tools
  readonly isLegacy: boolean
}

/** Puts `tools`, `tool_choice` and `parallel_tool_calls`, or `functions` and `function_call`, into Claude's terms. */
export function toolsOf(body: Json, lossy: boolean): ToolWish {
  const isLegacy = isGiven(body['functions']) || isGiven(body['function_call'])
  if (isLegacy && (isGiven(body['tools']) || isGiven(body['tool_choice'])))
    throw new OpenAiProblem('functions and tools cannot both be given', { param: 'functions', code: 'invalid_value' })
  const tools = isLegacy ? functionsOf(body['functions'], lossy) : toolList(body['tools'], lossy)
  const isParallel = isLegacy ? false : !isGiven(body['parallel_tool_calls']) || flagAt(body['parallel_tool_calls'], 'parallel_tool_calls')
  const choice = chosen(body, { isLegacy, lossy })
  return { isLegacy, fields: fieldsOf(tools, choice, isParallel) }
}

function fieldsOf(tools: readonly Json[], choice: Choice, isParallel: boolean): Tools {
  const offered = choice.only === null ? tools : tools.filter(({ name }) => typeof name === 'string' && choice.only?.has(name) === true)
  if (offered.length === 0) {
    if (choice.type === 'any' || choice.type === 'tool') throw invalid(choice.param, 'the tools that it asks for are not given')
    return {}
  }
  if (choice.type === 'tool' && !offered.some(({ name }) => name === choice.name))
    throw invalid(choice.param, `no tool is named ${choice.name}`)
  const one = isParallel || choice.type === 'none' ? {} : { disable_parallel_tool_use: true }
  if (choice.type === 'auto' && !choice.isSaid && isParallel) return { tools: offered }
  return { tools: offered, tool_choice: { type: choice.type, ...(choice.type === 'tool' ? { name: choice.name } : {}), ...one } }
}

function toolList(value: unknown, lossy: boolean): readonly Json[] {
  if (!isGiven(value)) return []
  return listAt(value, 'tools').flatMap((tool, k) => {
    const at = `tools[${k}]`
    const given = objectAt(tool, at)
    const type = textAt(given['type'], `${at}.type`)
    if (type !== 'function') {
      lose(lossy, `${at}.type`, `${type} tools cannot be put into Claude's terms`)
      return []
    }
    checkNames(given, toolNames, { at, lossy })
    return [functionTool(objectAt(given['function'], `${at}.function`), `${at}.function`, lossy)]
  })
}

function functionsOf(value: unknown, lossy: boolean): readonly Json[] {
  if (!isGiven(value)) return []
  return listAt(value, 'functions').map((each, k) => functionTool(objectAt(each, `functions[${k}]`), `functions[${k}]`, lossy))
}

function functionTool(given: Json, at: string, lossy: boolean): Json {
  checkNames(given, functionNames, { at, lossy })
  const description = maybeText(given['description'], `${at}.description`)
  const parameters = isGiven(given['parameters']) ? objectAt(given['parameters'], `${at}.parameters`) : {}
  return {
    name: textAt(given['name'], `${at}.name`),
    ...(description === null ? {} : { description }),
    // A function without parameters takes an empty object; Claude wants that said.
    input_schema: { type: 'object', ...(isGiven(given['parameters']) ? {} : { properties: {} }), ...parameters },
    ...(flagAt(given['strict'], `${at}.strict`) ? { strict: true } : {}),
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

const toolNames: ReadonlySet<string> = new Set(['type', 'function'])
const functionNames: ReadonlySet<string> = new Set(['name', 'description', 'parameters', 'strict'])
