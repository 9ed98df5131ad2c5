import { randomBytes } from 'node:crypto'
import { RelayError } from '../base/errors.ts'
import type { Call, Stage } from '../engine/call.ts'
import { Name } from '../protocol/names.ts'
import { isExtendedConnect, upgradeLines, upgradeOf } from '../protocol/upgrade.ts'
import { connectThrough } from './upgrade-connect.ts'

/** What callers of a route may go on with behind a 101. */
export interface UpgradeOptions {
  /** In lower case; `h2c` is never one of them. */
  readonly protocols: readonly string[]
  /** Makes the key of a WebSocket that relay opens itself, for a caller of HTTP/2. */
  readonly key?: () => string
}

/**
 * Passes on a caller's wish to go on in another protocol (RFC 9110 §7.8) where the route allows it; the upstream answers with 101, and
 * from then on bytes pass both ways, or with whatever else it likes. Every other wish is not heard: the call goes on in HTTP. What the
 * handshake says besides (`Sec-WebSocket-*`) is between the two ends. A caller of HTTP/2 wishes it by an extended CONNECT (RFC 8441),
 * which means nothing without a tunnel: it is refused.
 */
export function upgrade({ protocols, key = randomKey }: UpgradeOptions): Stage {
  if (protocols.includes('h2c')) throw new Error('h2c is no upgrade that relay passes on: what comes behind it could not be looked at')
  const lines = new Map(protocols.map((protocol) => [protocol, upgradeLines(protocol)]))
  return (call, next) => {
    const protocol = upgradeOf(call.head.fields)
    const line = protocol === null ? undefined : lines.get(protocol)
    const isConnect = isExtendedConnect(call.head)
    if (protocol === null || line === undefined || !isHandshake(call, protocol)) return isConnect ? Promise.reject(noTunnel()) : next(call)
    call.upgrade = protocol
    call.edits.line(line)
    call.edits.drop(1 << Name.expect)
    return isConnect ? connectThrough(call, { key: protocol === 'websocket' ? key() : null, next }) : next(call)
  }
}

/** What an extended CONNECT is told where no tunnel goes. */
export function noTunnel(): RelayError {
  return new RelayError('not_supported', 'this route allows no upgrade to the protocol that was asked for: name it in its `upgrades`')
}

/** A request with a body is none: its bytes could not be told from those of the tunnel. A WebSocket begins with GET (RFC 6455 §4.1). */
function isHandshake({ head, body }: Call, protocol: string): boolean {
  if (head.major === 2) return true
  return head.minor === 1 && body.length === 0 && (protocol !== 'websocket' || head.method === 'GET')
}

function randomKey(): string {
  return randomBytes(16).toString('base64')
}
