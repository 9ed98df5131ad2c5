import { isMessages } from '../claude/endpoints.ts'
import { Body, type Sink } from '../engine/body.ts'
import { Call, type Next, type Reply } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Name } from '../protocol/names.ts'
import { outgoingPath } from './aim.ts'

/** How the upstream is asked. */
export interface CountOptions {
  /** What a call of the route goes through behind its limits, to its upstream: its own rules, and its credential. */
  readonly ask: Next
  /** For all of it. */
  readonly timeoutMs?: number
}

/** Has the upstream count the input of a Messages call whose whole body was read; null where it does not say. It never fails. */
export type CountTokens = (call: Call) => Promise<number | null>

/**
 * Asks the upstream's own `count_tokens` before a call goes out, in the call's name: the same head, and of the body what that endpoint
 * takes. The answer is waited for no longer than `timeoutMs`, and no longer than the call lives.
 */
export function countTokens({ ask, timeoutMs = 2000 }: CountOptions): CountTokens {
  return async (call) => {
    const body = call.asked?.body ?? null
    const question = body === null || !isMessages(outgoingPath(call)) ? null : countedFields(body)
    if (question === null) return null
    const asking = questionOf(call, question, timeoutMs)
    const stop = (): void => asking.cancel('timed_out')
    const timer = setTimeout(stop, timeoutMs)
    // The head is lent by the call: a question that outlived it would go out with another's.
    call.onEnd(stop)
    try {
      return await answerOf(await ask(asking))
    } catch {
      // Whatever went wrong, it is the guess that has to do; a call that cannot reach its upstream will tell so itself.
      return null
    } finally {
      clearTimeout(timer)
      asking.settle('done')
    }
  }
}

/** Of a Messages body what `count_tokens` takes (a field that it does not know is an error there); null where that is no object. */
export function countedFields(body: Buffer): Buffer | null {
  try {
    const all: unknown = JSON.parse(body.toString('utf8'))
    if (typeof all !== 'object' || all === null) return null
    return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(all).filter(([name]) => taken.has(name)))))
  } catch {
    return null
  }
}

function questionOf(call: Call, question: Buffer, timeoutMs: number): Call {
  const asking = new Call(`${call.id}_count`, call.startedAt, call.head, Body.of(question), call.caller)
  asking.route = call.route
  asking.tenant = call.tenant
  asking.firstByteMs = asking.idleMs = timeoutMs
  asking.targetPrefix = Buffer.from(`${outgoingPath(call)}/count_tokens`, 'latin1')
  // The query goes along, unless the call goes without it.
  asking.targetFrom = Math.max(call.targetFrom, call.head.pathEnd)
  // What has been taken off the call so far (a key of relay's own) must not go out with the question either.
  asking.edits.drop(call.edits.mask | (1 << Name.contentEncoding) | (1 << Name.expect))
  // What has been put in (a version, a key in another field) belongs to the question too.
  for (const line of call.edits.added) asking.edits.line(line)
  asking.edits.setLine(acceptEncoding, identity)
  return asking
}

async function answerOf({ status, body }: Reply): Promise<number | null> {
  const text = await collected(body)
  if (status !== 200 || text === null) return null
  const answer: unknown = JSON.parse(text)
  const count: unknown = typeof answer === 'object' && answer !== null && 'input_tokens' in answer ? answer.input_tokens : null
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null
}

/** A short body as text; null where it is too long, or broke off. */
async function collected(body: Body): Promise<string | null> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let length = 0
    const sink: Sink = {
      push(bytes, isOwned) {
        length += bytes.length
        if (length > mostAnswer) body.cancel('cancelled')
        else pieces.push(isOwned ? bytes : Buffer.from(bytes))
        return true
      },
      finish: () => resolve(Buffer.concat(pieces).toString('utf8')),
      fail: () => resolve(null),
    }
    body.onEnd((end) => (end === 'done' ? undefined : resolve(null)))
    body.pipe(sink)
  })
}

const taken: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'cache_control',
  'compaction',
  'context_management',
  'mcp_servers',
  'output_config',
  'output_format',
  'speed',
])
const mostAnswer = 65_536
const acceptEncoding = fieldName('accept-encoding')
const identity = fieldLine(acceptEncoding, 'identity')
