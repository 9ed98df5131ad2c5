import { RelayError } from '../../base/errors.ts'
import { Code, codeOfReset } from '../../protocol/grpc/code.ts'
import { ErrorCode } from '../../protocol/h2/frames.ts'

/** What a call fails with whose stream the upstream has reset; its gRPC status is that of PROTOCOL-HTTP2 ("HTTP2 Transport Mapping"). */
export function resetError(name: string, code: number): RelayError {
  if (code === ErrorCode.refusedStream)
    return new RelayError('unavailable', `${name} refused the call (REFUSED_STREAM)`, { shouldRetry: true, retryAfterMs: 1000 })
  return new RelayError('upstream_failed', `${name} reset the call (${codeName(code)})`, { grpc: codeOfReset(code) })
}

/** What the calls of a session fail with that the upstream has ended with an error; those that it has not taken may be sent again. */
export function goawayError(name: string, code: number, { debug, isTaken }: { debug: string; isTaken: boolean }): RelayError {
  const said = debug === '' ? '' : `: ${debug}`
  const message = `${name} ended the session (${codeName(code)}${said})`
  return new RelayError('upstream_failed', message, { grpc: isTaken ? codeOfReset(code) : Code.unavailable, shouldRetry: !isTaken })
}

/** What a caller is told that wants to go on in another protocol, where the upstream does not (RFC 8441). */
export function noTunnels(name: string): RelayError {
  return new RelayError('upstream_failed', `${name} opens no tunnels over HTTP/2: say http: 1 for it, if it does over HTTP/1.1`)
}

/** The debug text of a GOAWAY, as far as people can read it, shortened. */
export function debugText(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString('latin1', from, Math.min(to, from + mostDebug)).replaceAll(/[^\x20-\x7e]/g, '?')
  return to - from > mostDebug ? `${text}…` : text
}

function codeName(code: number): string {
  return names[code] ?? `code ${code}`
}

const mostDebug = 128
const names = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
