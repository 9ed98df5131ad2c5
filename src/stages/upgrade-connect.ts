import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import type { Call, Next, Reply } from '../engine/call.ts'
import { fieldName } from '../protocol/edits.ts'
import { acceptanceOf } from '../protocol/upgrade.ts'

/** How a caller of HTTP/2 is connected. */
export interface ConnectOptions {
  /** Of the WebSocket that is opened; null: another protocol. */
  readonly key: string | null
  readonly next: Next
}

/**
 * Opens a tunnel of HTTP/1.1 for an extended CONNECT (RFC 8441): the handshake goes out without a body, what the caller sends waits for
 * the 101. Key and acceptance of a WebSocket do not exist in HTTP/2, so they are relay's own here (§5.1).
 */
export async function connectThrough(call: Call, { key, next }: ConnectOptions): Promise<Reply> {
  call.outgoing = Body.of(nothing)
  if (key !== null) call.edits.set(keyName, key)
  const reply = await next(call)
  const wrong = problemOf(reply, key)
  if (wrong === null) {
    reply.edits.remove(acceptName)
    return reply
  }
  const error = new RelayError('upstream_failed', `${call.route.upstream} ${wrong}`)
  reply.body.cancel('failed', error)
  throw error
}

/** A 2xx would say to the caller that its tunnel stands; everything from 300 on is heard as it is. */
function problemOf(reply: Reply, key: string | null): string | null {
  if (!reply.isTunnel) return reply.status >= 300 ? null : `answered ${reply.status} where it was to go on in another protocol`
  if (key === null) return null
  const accepted = reply.head?.values(acceptName.text) ?? []
  return accepted.length === 1 && accepted[0] === acceptanceOf(key) ? null : 'accepted a WebSocket with a wrong key'
}

const nothing = Buffer.alloc(0)
const keyName = fieldName('sec-websocket-key')
const acceptName = fieldName('sec-websocket-accept')
