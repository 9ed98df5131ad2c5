import { Body } from '../engine/body.ts'
import type { Call } from '../engine/call.ts'
import { converted, type Converter, type Out } from '../engine/convert.ts'
import { framePrefix } from '../protocol/grpc/frames.ts'
import { Name } from '../protocol/names.ts'
import type { Match } from '../transcode/types.ts'
import type { JsonToGrpcOptions } from './json-to-grpc-options.ts'
import { tellToContinue } from './peek-more.ts'
import { wholeBody } from './whole-body.ts'

/** The messages of a call that streams them, as they come. A coded body is read whole first: its decoder lags behind. */
export async function streamedMessages(call: Call, match: Match, query: string, { mostMessage, budget }: JsonToGrpcOptions): Promise<Body> {
  const { fields } = call.head
  const converter = messageFrames(match, query, fields.text(Name.contentType) ?? '')
  const coding = fields.text(Name.contentEncoding)
  if (coding === null || coding.toLowerCase() === 'identity') {
    if (!call.body.isComplete) tellToContinue(call)
    return converted(call.body, converter)
  }
  const whole = await wholeBody(call, { most: mostMessage, budget })
  const body = converted(Body.of(whole.bytes), converter)
  whole.release()
  return body
}

function messageFrames(match: Match, query: string, contentType: string): Converter {
  const messages = match.requests(query, contentType)
  const emitTo = (out: Out) => (message: Uint8Array) => {
    out.push(framePrefix(message.length), true)
    out.push(Buffer.from(message.buffer, message.byteOffset, message.byteLength), true)
  }
  return {
    read: (bytes, out) => {
      const taken = messages.push(bytes, emitTo(out), () => out.isFull)
      if (taken < bytes.length) out.unread(bytes.subarray(taken))
    },
    end: (_trailers, out) => {
      messages.end(emitTo(out))
      return none
    },
  }
}

const none = Buffer.alloc(0)
