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
  readonly stopReason: 'end_turn' | 'tool_use' | 'max_tokens'
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
  const tool = toolFor(request, triggers)
  const whole = echo === null ? plainPieces(request, triggers) : (echo.match(/[^]{1,40}/gu) ?? [])
  const text = tool === null ? whole : [`I will `, `use `, `${tool.name}.`]
  // An echo is for reading back: it is never cut.
  const pieces = echo === null ? upToTokens(text, request.maxTokens) : text
  const thinking = thinkingBlock(request, triggers)
  const blocks: readonly Block[] = [
    ...thinking,
    { is: 'text', pieces },
    ...(tool === null ? [] : [{ ...tool, id: id.replace('msg_', 'toolu_') }]),
  ]
  const isCut = pieces.length < text.length
  return {
    id,
    model: request.model,
    blocks,
    stopReason: isCut ? 'max_tokens' : tool === null ? 'end_turn' : 'tool_use',
    input: inputTokens(request),
    cacheRead: triggers.cacheRead,
    output: blocks.reduce((sum, block) => sum + blockTokens(block), 0),
    thinking: thinking.reduce((sum, block) => sum + blockTokens(block), 0),
  }
}

function plainPieces(request: MessagesRequest, { tokens, isUnicode }: Triggers): readonly string[] {
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

/** The tool that is asked for by trigger, by force, or in so many words ("use NAME"); none right after a tool's result. */
function toolFor(request: MessagesRequest, { tool }: Triggers): (Block & { readonly is: 'tool_use' }) | null {
  if (hasToolResult(request) || request.tools.length === 0) return null
  const asked = tool === null ? (forced(request) ?? named(request)) : request.tools.find(({ name }) => name === tool.name)
  if (asked === undefined) return null
  const input = tool?.input ?? sampleInput(asked['input_schema'])
  const shown = isRecord(input) ? input : {}
  return { is: 'tool_use', id: '', name: asked.name, input: shown, pieces: ['', ...(JSON.stringify(shown).match(/[^]{1,8}/gu) ?? [])] }
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
