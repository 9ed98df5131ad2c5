import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { sseKinds, SseScanner } from '../protocol/sse.ts'
import { chunkTexts, type ChunkTexts } from './chunk-text.ts'
import { errorChunk, errorOfEvent, errorOfRelay, type OpenAiError } from './errors.ts'
import { isJson, type Json } from './fields.ts'
import { completionId, finishReason, refusalText } from './finish.ts'
import { StreamedCalls } from './streamed-calls.ts'
import { UsageSum } from './usage.ts'

/** What a stream's chunks say besides what Claude says. */
export interface ChunkOptions {
  /** s since 1970. */
  readonly created: number
  readonly includesUsage: boolean
  readonly isLegacy: boolean
}

interface Out {
  push(bytes: Buffer, isOwned: boolean): unknown
}

/**
 * Turns the events of `/v1/messages` into chunks of a chat completion. What has no counterpart (pings, thinking) becomes a comment, so that
 * readers who wait for bytes see some. A stream that breaks off, or tells an error, ends in an error and without `[DONE]`.
 */
export class ChunkConverter {
  private readonly options: ChunkOptions
  private readonly scanner: SseScanner
  private readonly usage = new UsageSum()
  private texts: ChunkTexts | null = null
  private readonly calls: StreamedCalls
  private stopReason: unknown = null
  private stopDetails: unknown = null
  private state: 'open' | 'done' | 'failed' = 'open'
  private text = ''
  private events = 0

  constructor(options: ChunkOptions) {
    this.options = options
    this.calls = new StreamedCalls(options.isLegacy)
    this.scanner = new SseScanner({
      kinds,
      maxData: mostData,
      onEvent: (kind, bytes, start, end) => this.take(kind, bytes, start, end),
      onSkipped: () => {
        throw new RelayError('upstream_failed', `the upstream sent an event of more than ${mostData} bytes`)
      },
    })
  }

  read(bytes: Buffer, out: Out): void {
    this.events = 0
    this.scanner.read(bytes)
    if (this.text === '' && this.events > 0 && this.state === 'open') this.text = comment
    this.flush(out)
  }

  end(_trailers: Buffer, out: Out): Buffer {
    if (this.state === 'open') throw new RelayError('upstream_failed', 'the stream ended without message_stop')
    this.flush(out)
    return none
  }

  /** Everything that is out is whole chunks: an error can always stand behind them. */
  broken(end: BodyEnd, error: RelayError | null, out: Out): null {
    if (this.state === 'open' && end !== 'cancelled') {
      const told = error ?? new RelayError('upstream_failed', 'the stream broke off')
      this.flush(out)
      out.push(Buffer.from(errorChunk(errorOfRelay(told))), true)
      this.state = 'failed'
    }
    return null
  }

  private flush(out: Out): void {
    const { text } = this
    this.text = ''
    if (text !== '') out.push(Buffer.from(text), true)
  }

  private take(kind: number, bytes: Buffer, start: number, end: number): void {
    this.events++
    if (this.state !== 'open' || kind === ping) return
    const event = parsed(bytes, start, end)
    switch (kind) {
      case messageStart:
        return this.begin(isJson(event['message']) ? event['message'] : {})
      case blockDelta:
        return this.delta(event)
      case blockStart:
        return this.block(event)
      case blockStop:
        return this.parts(this.calls.stop(event['index']))
      case messageDelta:
        return this.closing(event)
      case messageStop:
        return this.finish()
      default:
        return this.fail(errorOfEvent(isJson(event['error']) ? event['error'] : {}))
    }
  }

  private begin(message: Json): void {
    if (this.texts !== null) return
    const { created, includesUsage } = this.options
    this.texts = chunkTexts({ id: completionId(message['id']), model: message['model'], created, includesUsage })
    this.usage.take(message['usage'])
    this.parts([{ role: 'assistant', content: '', refusal: null }])
  }

  private block({ index, content_block: block }: Json): void {
    if (!isJson(block)) return
    if (block['type'] === 'text') this.say(block['text'])
    else if (block['type'] === 'tool_use') this.parts(this.calls.start(index, block))
  }

  private delta({ index, delta }: Json): void {
    if (!isJson(delta)) return
    if (delta['type'] === 'text_delta') this.say(delta['text'])
    else if (delta['type'] === 'input_json_delta') this.parts(this.calls.add(index, delta['partial_json']))
  }

  private closing({ delta, usage }: Json): void {
    this.usage.take(usage)
    if (!isJson(delta)) return
    this.stopReason = delta['stop_reason'] ?? this.stopReason
    this.stopDetails = delta['stop_details'] ?? this.stopDetails
  }

  private say(text: unknown): void {
    if (typeof text === 'string' && text !== '') this.text += this.begun().content(text)
  }

  private parts(deltas: readonly Json[]): void {
    for (const delta of deltas) this.text += this.begun().delta(delta)
  }

  private finish(): void {
    const texts = this.begun()
    const refusal = this.stopReason === 'refusal' ? refusalText(this.stopDetails) : null
    if (refusal !== null) this.parts([{ refusal }])
    this.text += texts.finish(finishReason(this.stopReason, this.options.isLegacy), this.usage.serviceTier())
    if (this.options.includesUsage) this.text += texts.usage(this.usage.usage())
    this.text += 'data: [DONE]\n\n'
    this.state = 'done'
  }

  private fail(error: OpenAiError): void {
    this.text += errorChunk(error)
    this.state = 'failed'
  }

  private begun(): ChunkTexts {
    if (this.texts === null) throw new RelayError('upstream_failed', 'the upstream sent a part of a message before its start')
    return this.texts
  }
}

function parsed(bytes: Buffer, start: number, end: number): Json {
  try {
    const event: unknown = JSON.parse(bytes.toString('utf8', start, end))
    if (isJson(event)) return event
  } catch {
    // Told below.
  }
  throw new RelayError('upstream_failed', 'the upstream sent an event that is no JSON object')
}

const [messageStart, blockStart, blockDelta, blockStop, messageDelta, messageStop, ping] = [0, 1, 2, 3, 4, 5, 6] as const
const kinds = sseKinds([
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
  'ping',
  'error',
])
const mostData = 4_194_304
const comment = ': ping\n\n'
const none = Buffer.alloc(0)
