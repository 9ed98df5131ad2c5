import { ends, triggersIn } from './triggers.ts'
import type { Triggers } from './triggers.ts'
import { hasToolResult, lastTexts } from './request.ts'
import type { MessagesRequest, Tool } from './request.ts'
import { sampleInput } from './sample-input.ts'
import { inputTokens, tokensOf } from './tokens.ts'
import type { InputTokens } from './tokens.ts'
import { isRecord } from '../usage-fields.ts'

/** A part of an answer; its text comes in the pieces that a stream sends. */
export type Block =
  | { readonly is: 'text'; readonly pieces: readonly string[] }
  | { readonly is: 'thinking'; readonly pieces: readonly string[]; readonly signature: string }
  | {
      readonly is: 'tool_use'
      readonly id: string
      readonly name: string
      readonly input: Readonly<Record<string, unknown>>
      readonly pieces: readonly string[]
    }

/** A whole answer, before it is written as JSON or as events. */
export interface Answer {
  readonly id: string
  readonly model: string
  readonly blocks: readonly Block[]
  readonly stopReason: 'end_turn' | 'tool_use' | 'max_tokens' | 'refusal'
  readonly input: InputTokens
  readonly cacheRead: number
  readonly output: number
  readonly thinking: number
}

export interface AnswerOptions {
  readonly id: string
  readonly triggers: Triggers
  /** The text that an echo answers with. */
  readonly echo: string | null
}

const greeting = 'Hello! This is the built-in fake of the Claude API: it costs nothing, and it knows nothing either.'
const toolDone = 'The tool has answered, so this is done.'
const thought = 'Let me think about this. It is a fake, so there is little to think about.'
const unicodeText = 'Grüße, 世界! 👩‍🚀👋🏽 Ελληνικά, кириллица, עברית, naïve café — “quoted”, \\ and \n a new line. 🎉'
/** Four bytes each: one token. */
const words = ['the ', 'sun ', 'has ', 'set ', 'and ', 'all ', 'are ', 'out ']

/** Reads the triggers in what the user said last. */
export function requestTriggers(request: MessagesRequest): Triggers {
  return triggersIn(lastTexts(request).map(withoutReminders))
}

/** Makes up the answer to a request: the same one every time. */
export function answerTo(request: MessagesRequest, { id, triggers, echo }: AnswerOptions): Answer {
  const tools = toolsFor(request, triggers)
  const whole = echo === null ? plainPieces(request, triggers) : (echo.match(/[^]{1,40}/gu) ?? [])
  const text = tools.length === 0 ? whole : [`I will `, `use `, `${tools.map(({ name }) => name).join(' and ')}.`]
  // An echo is for reading back: it is never cut.
  const pieces = echo === null ? upToTokens(text, request.maxTokens) : text
  const thinking = thinkingBlock(request, triggers)
  const blocks: readonly Block[] = [
    ...thinking,
    { is: 'text', pieces },
    ...tools.map((tool, k) => ({ ...tool, id: id.replace('msg_', 'toolu_') + (k === 0 ? '' : `_${k}`) })),
  ]
  const isCut = pieces.length < text.length
  return {
    id,
    model: request.model,
    blocks,
    stopReason: triggers.isRefused ? 'refusal' : isCut ? 'max_tokens' : tools.length === 0 ? 'end_turn' : 'tool_use',
    input: inputTokens(request),
    cacheRead: triggers.cacheRead,
    output: blocks.reduce((sum, block) => sum + blockTokens(block), 0),
    thinking: thinking.reduce((sum, block) => sum + blockTokens(block), 0),
  }
}

function plainPieces(request: MessagesRequest, { tokens, isUnicode, isRefused }: Triggers): readonly string[] {
  if (isRefused) return []
  if (request.schema !== null) return JSON.stringify(sampleInput(request.schema)).match(/[^]{1,8}/gu) ?? []
  if (isUnicode) return unicodeText.match(/[^]{1,3}/gu) ?? []
  if (tokens !== null) return Array.from({ length: tokens }, (_, at) => words[at % words.length] ?? '')
  return (hasToolResult(request) ? toolDone : greeting).match(/\S+\s*/g) ?? []
}

function thinkingBlock(request: MessagesRequest, { isThinking }: Triggers): readonly Block[] {
  const { isOn, isOmitted } = request.thinking
  if (!isOn && !isThinking) return []
  const pieces = isOmitted ? [] : (thought.match(/\S+\s*/g) ?? [])
  return [{ is: 'thinking', pieces, signature: Buffer.from(`signed: ${thought}`).toString('base64') }]
}

/** The tools that are asked for by trigger, by force, or in so many words ("use NAME"); none right after a tool's result. */
function toolsFor(request: MessagesRequest, { tool, tools, isRefused }: Triggers): readonly (Block & { readonly is: 'tool_use' })[] {
  if (hasToolResult(request) || isRefused) return []
  const several = tools.flatMap((name) => request.tools.find((each) => each.name === name) ?? [])
  if (several.length > 0) return several.slice(0, request.isParallel ? several.length : 1).map((each) => toolBlock(each, null))
  const asked = tool === null ? (forced(request) ?? named(request)) : request.tools.find(({ name }) => name === tool.name)
  return asked === undefined ? [] : [toolBlock(asked, tool?.input ?? null)]
}

function toolBlock(tool: Tool, given: Readonly<Record<string, unknown>> | null): Block & { readonly is: 'tool_use' } {
  const input = given ?? sampleInput(tool['input_schema'])
  const shown = isRecord(input) ? input : {}
  return { is: 'tool_use', id: '', name: tool.name, input: shown, pieces: ['', ...(JSON.stringify(shown).match(/[^]{1,8}/gu) ?? [])] }
}

function forced({ forcedTool, tools }: MessagesRequest): Tool | undefined {
  if (forcedTool === null) return undefined
  return forcedTool.name === null ? tools[0] : tools.find(({ name }) => name === forcedTool.name)
}

function named(request: MessagesRequest): Tool | undefined {
  const text = lastTexts(request).map(withoutReminders).map(ends).join('\n')
  return request.tools.find(
    ({ name }) => text.includes(`use ${name}`) || text.includes(`use the ${name}`) || text.includes(`use the tool ${name}`),
  )
}

/** Claude Code's own remarks name tools and quote files: nobody asks for anything in them. */
function withoutReminders(text: string): string {
  return text.includes('<system-reminder>') ? text.replaceAll(/<system-reminder>[^]*?<\/system-reminder>/g, '') : text
}

function upToTokens(pieces: readonly string[], most: number): readonly string[] {
  let bytes = 0
  const end = pieces.findIndex((piece) => (bytes += Buffer.byteLength(piece)) > 4 * most)
  return end < 0 ? pieces : pieces.slice(0, end)
}

function blockTokens({ pieces }: Block): number {
  return tokensOf(pieces.reduce((bytes, piece) => bytes + Buffer.byteLength(piece), 0))
}
