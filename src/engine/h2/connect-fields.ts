import { latin1 } from '../../protocol/bytes.ts'
import { fieldName } from '../../protocol/edits.ts'
import type { HpackEncoder } from '../../protocol/hpack/encoder.ts'
import { acceptanceOf } from '../../protocol/upgrade.ts'
import type { Call } from '../call.ts'
import { encodeFields, encodePseudo, type Origin } from './request-fields.ts'

/**
 * Writes an extended CONNECT (RFC 8441) where the encoder stands, for a call that wants to go on in another protocol. What HTTP/1.1 says
 * of that beyond its own fields does not exist here: neither the two lines of the upgrade nor the key of a WebSocket (§5).
 */
export function encodeConnect(call: Call, origin: Origin, encoder: HpackEncoder): void {
  encodePseudo(connect, call, origin, encoder)
  const protocol = Buffer.from(`:protocol${call.upgrade!}`, 'latin1')
  encoder.field(protocol, 0, 9, 9, protocol.length)
  call.edits.remove(keyName)
  encodeFields(call, encoder)
  const lines = addedLines(call).filter((line) => !ofHandshake.test(line))
  const kept = Buffer.from(lines.join(''), 'latin1')
  encoder.lines(kept, 0, kept.length)
}

/** The line by which a WebSocket is accepted in HTTP/1.1; null: it is another protocol, or the caller has said no key. */
export function acceptanceLine(call: Call): Buffer | null {
  if (call.upgrade !== 'websocket') return null
  const added = addedLines(call).find((line) => keyLine.test(line))
  const key = added === undefined ? call.head.fields.values(keyName.text)[0] : keyLine.exec(added)![1]
  return key === undefined ? null : Buffer.from(`sec-websocket-accept: ${acceptanceOf(key)}\r\n`, 'latin1')
}

function addedLines({ edits }: Call): readonly string[] {
  return edits.added.flatMap((lines) => latin1(lines, 0, lines.length).match(/[^\n]*\n/g) ?? [])
}

const connect = Buffer.from('CONNECT')
const keyName = fieldName('sec-websocket-key')
const keyLine = /^sec-websocket-key:[ \t]*(.*?)[ \t]*\r\n$/i
const ofHandshake = /^(?:connection|upgrade|sec-websocket-key):/i
