import { Body } from '../engine/body.ts'
import type { Asked, Call, Next, Reply, Stage } from '../engine/call.ts'
import { ChunkConverter } from '../openai/chunks.ts'
import { completion } from '../openai/completion.ts'
import { claudeModel } from '../openai/model-names.ts'
import { model, modelList, modelsQuery } from '../openai/models.ts'
import { invalid } from '../openai/problem.ts'
import { messagesRequest, type RequestOptions } from '../openai/request.ts'
import { openAiEndpoint } from './openai-endpoint.ts'
import { openAiErrorReply } from './openai-error.ts'
import { openAiReply } from './openai-reply.ts'
import { describeBody, readdress, retarget, versionOf } from './openai-request.ts'
import type { PeekBudget } from './peek-budget.ts'
import { wholeBody } from './whole-body.ts'

/** How a route's OpenAI callers are put into Claude's terms. */
export interface OpenAiOptions extends Omit<RequestOptions, 'version'> {
  /** Whether the caller's own credential goes out. */
  readonly passesCredential: boolean
  /** What all bodies of the process that are read hold together; left out: each has its own bound only. */
  readonly budget?: PeekBudget
  /** Bytes of a request, decoded or not. */
  readonly most?: number
  /** Wall clock, ms. */
  readonly now?: () => number
}

/**
 * Lets OpenAI's clients call Claude: chat completions become messages, and models are listed in OpenAI's shape. Whatever stands behind
 * sees Claude's own words, so that limits and usage are Claude's; calls of Claude's clients pass untouched.
 */
export function openai({ most = 33_554_432, now = Date.now, ...rest }: OpenAiOptions): Stage {
  const options = { most, now, ...rest }
  return (call, next) => {
    const endpoint = openAiEndpoint(call)
    if (endpoint !== null) call.tellFailure = openAiErrorReply
    switch (endpoint?.is) {
      case undefined:
        return next(call)
      case 'chat':
        return chat(call, { next, options, base: endpoint.base })
      case 'models':
        retarget(call, `${endpoint.base}/v1/models`, modelsQuery(call.head.query()))
        return models(call, { next, options }, modelList)
      case 'model': {
        const id = claudeModel(named(endpoint.id), options.models)
        retarget(call, `${endpoint.base}/v1/models/${encodeURIComponent(id)}`)
        return models(call, { next, options }, model)
      }
    }
  }
}

/** A model's name as its caller means it. What is no UTF-8 is no name. */
function named(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    throw invalid('model', 'its name is not percent-coded UTF-8')
  }
}

interface Way {
  readonly next: Next
  readonly options: OpenAiOptions & { readonly most: number; readonly now: () => number }
}

async function chat(call: Call, { next, options, base }: Way & { readonly base: string }): Promise<Reply> {
  const { most, budget, now } = options
  const whole = await wholeBody(call, { most, ...(budget === undefined ? {} : { budget }) })
  const request = messagesRequest(whole.bytes, { ...options, version: versionOf(call) })
  sendInstead(call, Buffer.from(JSON.stringify(request.body)), request, () => whole.release())
  retarget(call, `${base}/v1/messages`)
  readdress(call, options.passesCredential)
  describeBody(call)
  const { wish } = request
  const reply = await next(call)
  const created = Math.floor(now() / 1000)
  const stream = (): ChunkConverter => new ChunkConverter({ created, ...wish })
  return openAiReply(call, reply, { whole: (bytes) => completion(bytes, { created, ...wish }), stream, now })
}

/** The translated body goes out in the place of the caller's, and whoever asks for its figures sees those. */
function sendInstead(call: Call, body: Buffer, { model, maxTokens }: Pick<Asked, 'model' | 'maxTokens'>, release: () => void): void {
  const asked = { model, maxTokens, bytes: body.length, body }
  call.asked = asked
  call.outgoing = Body.of(body)
  // A stream may stay open for an hour: what it was asked by is not kept for it.
  call.outgoing.onEnd(() => {
    if (call.asked === asked) call.asked = { ...asked, body: null }
    release()
  })
}

async function models(call: Call, { next, options }: Way, whole: (bytes: Buffer) => Readonly<Record<string, unknown>>): Promise<Reply> {
  readdress(call, options.passesCredential)
  return openAiReply(call, await next(call), { whole, now: options.now })
}
