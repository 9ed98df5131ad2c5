import { METHODS } from 'node:http'
import type { Message } from '../helpers/strict-reader.ts'

/** Where relay takes what Node's parser does not, or reads it differently, and why that is meant. Relay refusing more needs no entry. */
interface Difference<T> {
  readonly why: string
  readonly isThis: (message: T) => boolean
}

const ofCalls: readonly Difference<Message>[] = [
  {
    // RFC 9110 §9.1: methods are an open set; which ones are served is for the upstream to say.
    why: 'Node knows a fixed list of methods, relay takes any token',
    isThis: (message) => !METHODS.includes(message.line[0]),
  },
]

const ofReplies: readonly Difference<string>[] = [
  {
    // RFC 9112 §9.6: `close` speaks of the connection behind the response; a final one still belongs to it.
    why: 'Node hears nothing behind an informational head that says close, relay waits for the final reply',
    isThis: (text) => /^HTTP\/1\.[01] 1\d\d(?:(?!\r\n\r\n)[^])*\r\nconnection:[^\r]*close/i.test(text),
  },
]

/** Whether a call is known to be read differently. */
export function isKnownCall(message: Message): boolean {
  return ofCalls.some(({ isThis }) => isThis(message))
}

/** Whether an origin's bytes are known to be read differently. */
export function isKnownReply(text: string): boolean {
  return ofReplies.some(({ isThis }) => isThis(text))
}
