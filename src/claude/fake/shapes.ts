import type { Answer, Block } from './answer.ts'
import type { Triggers } from './triggers.ts'

/** One event of a stream; its name is its data's `type`. */
export interface FakeEvent extends Readonly<Record<string, unknown>> {
  readonly type: string
}

/** An answer as one JSON message. */
export function messageBody(answer: Answer): Readonly<Record<string, unknown>> {
  return { ...message(answer, startUsage(answer, answer.output)), content: answer.blocks.map(wholeBlock), ...stopOf(answer, true) }
}

/** An answer as the events of a stream, in the API's order. */
export function* messageEvents(answer: Answer, { pings, deltas }: Triggers): Generator<FakeEvent> {
  yield { type: 'message_start', message: message(answer, startUsage(answer, 1)) }
  for (const [index, block] of answer.blocks.entries()) {
    yield { type: 'content_block_start', index, content_block: emptyBlock(block) }
    if (index === 0) for (let ping = 0; ping < pings; ping++) yield { type: 'ping' }
    for (const delta of blockDeltas(block)) yield { type: 'content_block_delta', index, delta }
    yield { type: 'content_block_stop', index }
  }
  for (let at = 1; at <= deltas; at++) yield messageDelta(answer, at / deltas)
  yield { type: 'message_stop' }
}

/** An event as its bytes. */
export function eventBytes(event: FakeEvent): Buffer {
  return Buffer.from(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

function message({ id, model }: Answer, usage: unknown): Readonly<Record<string, unknown>> {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage,
  }
}

function startUsage(answer: Answer, output: number): Readonly<Record<string, unknown>> {
  const { write5m, write1h } = answer.input
  return {
    ...inputUsage(answer),
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
    output_tokens: output,
    output_tokens_details: outputDetails(answer, output),
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: 'global',
    speed: 'standard',
  }
}

/** Usage is cumulative: the last of several tells all, the earlier ones a part of it. */
function messageDelta(answer: Answer, part: number): FakeEvent {
  const output = Math.ceil(answer.output * part)
  const delta = { ...stopOf(answer, part === 1), stop_sequence: null, container: null }
  const details = outputDetails(answer, output)
  return {
    type: 'message_delta',
    delta,
    usage: { ...inputUsage(answer), output_tokens: output, output_tokens_details: details, server_tool_use: null },
  }
}

function stopOf({ stopReason }: Answer, isOver: boolean): Readonly<Record<string, unknown>> {
  if (!isOver) return { stop_reason: null, stop_details: null }
  const details = { type: 'refusal', category: null, explanation: 'It was asked to decline.' }
  return { stop_reason: stopReason, stop_details: stopReason === 'refusal' ? details : null }
}

function inputUsage({ input, cacheRead }: Answer): Readonly<Record<string, number>> {
  const written = input.write5m + input.write1h
  return { input_tokens: input.all - written, cache_creation_input_tokens: written, cache_read_input_tokens: cacheRead }
}

function outputDetails({ thinking, output }: Answer, so: number): Readonly<Record<string, number>> | null {
  return thinking === 0 || so < output ? null : { thinking_tokens: thinking }
}

function emptyBlock(block: Block): Readonly<Record<string, unknown>> {
  switch (block.is) {
    case 'text':
      return { type: 'text', text: '', citations: null }
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' }
    case 'tool_use':
      return { type: 'tool_use', id: block.id, name: block.name, input: {}, caller: { type: 'direct' } }
  }
}

function wholeBlock(block: Block): Readonly<Record<string, unknown>> {
  const text = block.pieces.join('')
  switch (block.is) {
    case 'text':
      return { ...emptyBlock(block), text }
    case 'thinking':
      return { ...emptyBlock(block), thinking: text, signature: block.signature }
    case 'tool_use':
      return { ...emptyBlock(block), input: block.input }
  }
}

function blockDeltas(block: Block): readonly Readonly<Record<string, string>>[] {
  switch (block.is) {
    case 'text':
      return block.pieces.map((text) => ({ type: 'text_delta', text }))
    case 'thinking':
      return [
        ...block.pieces.map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block.signature },
      ]
    case 'tool_use':
      return block.pieces.map((json) => ({ type: 'input_json_delta', partial_json: json }))
  }
}
