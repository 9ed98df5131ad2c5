import type { Call, Stage } from '../engine/call.ts'
import { Name } from '../protocol/names.ts'
import { upgradeLines, upgradeOf } from '../protocol/upgrade.ts'

/** What callers of a route may go on with behind a 101. */
export interface UpgradeOptions {
  /** In lower case; `h2c` is never one of them. */
  readonly protocols: readonly string[]
}

/**
 * Passes on a caller's wish to go on in another protocol (RFC 9110 §7.8) where the route allows it; the upstream answers with 101, and
 * from then on bytes pass both ways, or with whatever else it likes. Every other wish is not heard: the call goes on in HTTP. What the
 * handshake says besides (`Sec-WebSocket-*`) is between the two ends.
 */
export function upgrade({ protocols }: UpgradeOptions): Stage {
  if (protocols.includes('h2c')) throw new Error('h2c is no upgrade that relay passes on: what comes behind it could not be looked at')
  const lines = new Map(protocols.map((protocol) => [protocol, upgradeLines(protocol)]))
  return (call, next) => {
    const protocol = upgradeOf(call.head.fields)
    const line = protocol === null ? undefined : lines.get(protocol)
    if (protocol !== null && line !== undefined && isHandshake(call, protocol)) {
      call.upgrade = protocol
      call.edits.line(line)
      call.edits.drop(1 << Name.expect)
    }
    return next(call)
  }
}

/** A request with a body is none: its bytes could not be told from those of the tunnel. A WebSocket begins with GET (RFC 6455 §4.1). */
function isHandshake({ head, body }: Call, protocol: string): boolean {
  return head.minor === 1 && body.length === 0 && (protocol !== 'websocket' || head.method === 'GET')
}
