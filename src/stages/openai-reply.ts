import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call } from '../engine/call.ts'
import { converted, type Converter } from '../engine/convert.ts'
import { errorBytes, errorOfClaude, statusOf } from '../openai/errors.ts'
import type { Json } from '../openai/fields.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'
import { decodedBody } from './decoded-body.ts'
import { isEventStream } from './event-stream.ts'
import { ownHead } from './grpc-head.ts'
import { rateLines } from './openai-rates.ts'
import { wholeReply } from './whole-body.ts'

/** How a reply of Claude's becomes one of OpenAI's. */
export interface ReplyOptions {
  /** Of a reply that is JSON. */
  readonly whole: (bytes: Buffer) => Json
  /** Of a stream; left out: there is none. */
  readonly stream?: () => Converter
  /** Wall clock, ms. */
  readonly now: () => number
}

/** Puts a reply, or the error that it is, into OpenAI's terms; one that is neither (a redirection) stays as it is. */
export async function openAiReply(call: Call, reply: Reply, options: ReplyOptions): Promise<Reply> {
  const { status } = reply
  if (status !== 200 && status < 400) return reply
  if (status === 200 && isEventStream(reply)) return streamed(call, reply, options)
  // The reply's own head may be another's when all of its body has come.
  const head = ownHead(reply)
  const { bytes } = await wholeReply(call, reply, { most: status === 200 ? mostReply : mostError })
  const body = status === 200 ? Buffer.from(JSON.stringify(options.whole(bytes))) : errorBytes(errorOfClaude(status, bytes))
  const answer = new Reply(statusOf(status), head, Body.of(body))
  answer.edits.drop((1 << Name.contentType) | (1 << Name.contentEncoding))
  answer.edits.line(json)
  tell(answer, head, { id: call.id, now: options.now() })
  return answer
}

function streamed(call: Call, reply: Reply, { stream, now }: ReplyOptions): Reply {
  const source = stream === undefined ? null : plainBody(reply)
  if (stream === undefined || source === null) {
    const failure = new RelayError('upstream_failed', 'the upstream answered with a stream that was not asked for, or cannot be decoded')
    reply.body.cancel('failed', failure)
    throw failure
  }
  const head = ownHead(reply)
  const answer = new Reply(200, head, converted(source, stream()))
  answer.edits.drop(1 << Name.contentEncoding)
  tell(answer, head, { id: call.id, now: now() })
  return answer
}

/** A stream comes uncoded, as it was asked for, or is decoded as it comes. */
function plainBody({ head, body }: Reply): Body | null {
  const coding = head?.text(Name.contentEncoding) ?? ''
  return coding === '' || coding.toLowerCase() === 'identity' ? body : decodedBody(body, coding, mostStream)
}

/** What OpenAI's clients look for under names of their own; the call's id stands for one that the upstream has not told. */
function tell({ edits }: Reply, head: Head, { id, now }: { readonly id: string; readonly now: number }): void {
  if (!head.has(Name.xRequestId)) edits.line(fieldLine(xRequestId, head.text(Name.requestId) ?? id))
  for (const line of rateLines(head, now)) edits.line(line)
}

const json = fieldLine(fieldName('content-type'), 'application/json')
const xRequestId = fieldName('x-request-id')
/** Bytes of an answer, far more than any has, and of an error. */
const mostReply = 33_554_432
const mostError = 1_048_576
/** Decoded: an event has some 100 bytes, and may stand for one token. */
const mostStream = 268_435_456
