import type { Call, Stage } from '../engine/call.ts'
import { fieldName } from '../protocol/edits.ts'
import { Name } from '../protocol/names.ts'

/**
 * What the upstream learns of those in front: `X-Forwarded-*` and `Via` are relay's to write. A caller's own are believed from trusted
 * proxies only, and dropped otherwise; where `adds` is false (Claude upstreams) none goes out at all. A caller's `X-Request-Id` passes
 * if it is plain ASCII of at most 128 characters.
 */
export function forwarded(adds: boolean): Stage {
  return (call, next) => {
    const { fields } = call.head
    const { edits } = call
    edits.drop(told)
    if (fields.has(Name.xRequestId) && !isPlain(call)) edits.drop(1 << Name.xRequestId)
    if (adds) add(call)
    return next(call)
  }
}

function add(call: Call): void {
  const { caller, edits, head } = call
  const { fields } = head
  const before = (id: number): string | null => (caller.isTrusted ? fields.text(id) : null)
  const chain = caller.isTrusted ? fields.values('x-forwarded-for').join(', ') : ''
  edits.set(forwardedFor, chain === '' ? caller.address : `${chain}, ${caller.address}`)
  edits.set(forwardedProto, before(Name.xForwardedProto) ?? (caller.isTls ? 'https' : 'http'))
  const host = before(Name.xForwardedHost) ?? head.authority
  if (host !== '') edits.set(forwardedHost, host)
  // RFC 9110 §7.6.3: the protocol it came in by, and a pseudonym.
  const via = caller.isTrusted ? fields.values('via').join(', ') : ''
  edits.set(viaName, `${via === '' ? '' : `${via}, `}${head.major === 2 ? '2.0' : `1.${head.minor}`} relay`)
}

function isPlain(call: Call): boolean {
  const { fields } = call.head
  if (fields.isDoubled(Name.xRequestId)) return false
  const start = fields.valueStart(Name.xRequestId)
  const end = fields.valueEnd(Name.xRequestId)
  if (end === start || end - start > 128) return false
  for (let i = start; i < end; i++) if (fields.bytes[i]! < 33 || fields.bytes[i]! > 126) return false
  return true
}

const told =
  (1 << Name.forwarded) |
  (1 << Name.xForwardedFor) |
  (1 << Name.xForwardedProto) |
  (1 << Name.xForwardedHost) |
  (1 << Name.xForwardedPort) |
  (1 << Name.xRealIp) |
  (1 << Name.via)
const forwardedFor = fieldName('x-forwarded-for')
const forwardedProto = fieldName('x-forwarded-proto')
const forwardedHost = fieldName('x-forwarded-host')
const viaName = fieldName('via')
