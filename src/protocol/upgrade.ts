import { createHash } from 'node:crypto'
import type { Head } from './head.ts'
import { Name } from './names.ts'
import type { RequestHead } from './request.ts'

/**
 * The one protocol, in lower case, that a message wants to go on with, or a 101 goes on with (RFC 9110 §7.8): `Upgrade` names it and
 * `Connection` says so. Null where it wants none, or says it in any other way: several to choose from are nothing that relay carries.
 */
export function upgradeOf(head: Head): string | null {
  if (!head.has(Name.upgrade) || !head.has(Name.connection) || head.isDoubled(Name.upgrade)) return null
  const protocol = head.text(Name.upgrade)!.toLowerCase()
  return oneProtocol.test(protocol) && saysUpgrade(head) ? protocol : null
}

/** Whether a request of HTTP/2 is an extended CONNECT (RFC 8441), which has the form of an upgrade here: without a tunnel it means nothing. */
export function isExtendedConnect({ major, fields }: RequestHead): boolean {
  return major === 2 && fields.has(Name.upgrade)
}

/** The two lines by which a message says that it goes on in another protocol. */
export function upgradeLines(protocol: string): Buffer {
  return Buffer.from(`connection: upgrade\r\nupgrade: ${protocol}\r\n`, 'latin1')
}

/** What a server says to the key of a WebSocket (RFC 6455 §4.2.2). */
export function acceptanceOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function saysUpgrade(head: Head): boolean {
  for (let k = 0; k < head.count; k++) {
    if (head.idOf(k) !== Name.connection) continue
    const options = head.value(k).split(',')
    if (options.some((option) => option.trim().toLowerCase() === 'upgrade')) return true
  }
  return false
}

/** A name, and a version where it has one. */
const oneProtocol = /^[\w!#$%&'*+.^`|~-]+(?:\/[\w!#$%&'*+.^`|~-]+)?$/
