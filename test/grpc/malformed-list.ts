import { Code } from '../../src/protocol/grpc/code.ts'
import { framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { data, settle } from '../engine/h2-peer.ts'
import type { Break, Place } from './breaks.ts'
import { isStreamed, isStreaming } from './forms.ts'
import type { BackendCall } from './hand-backend.ts'
import type { HandStream } from './hand-server.ts'

const invalid = { code: Code.invalidArgument, http: 400 }
/** A message that nobody allows. */
const huge = framePrefix(2 ** 32 - 1)
const flagged = framed(Buffer.from('\n\x02m9'), 0x40)
const squeezed = framed(Buffer.from('no gzip'), 1)
const noMessage = framed(Buffer.from([0xff]))

/** What an upstream may send in the place of a message, to callers for whom relay reads it. */
export const malformedReplies: readonly Break<HandStream>[] = [
  reply('a frame with unknown flags', flagged, Code.internal),
  reply('a message beyond the bound', huge, Code.resourceExhausted),
  reply('a message that is compressed with nothing', squeezed, Code.internal, isOnly),
  reply('what is no message of its type', noMessage, Code.internal, (place) => isOnly(place) && place.form.isRead),
  {
    name: 'a message too many',
    isAt: ({ form, kind, said, isHalfSaid }) => !form.isRaw && !isStreamed(kind) && said === 1 && !isHalfSaid,
    happen: async ({ call }) => {
      await call!.send(data(call!.id, framed(Buffer.from('\n\x02m9'))))
      await call!.finish()
    },
    expected: () => failed(Code.unimplemented),
  },
  {
    name: 'no message',
    isAt: ({ form, kind, said, hasHead, isHalfSaid }) => !form.isRaw && !isStreamed(kind) && said === 0 && hasHead && !isHalfSaid,
    happen: ({ call }) => call!.finish(),
    expected: () => failed(Code.unimplemented),
  },
  ...['17', '2147483648', '4294967296', '99999999999', '-1', 'x', '0x0', '0 0', ''].map((text): Break<HandStream> => ({
    name: `the status ${JSON.stringify(text)}`,
    isAt: ({ call, isHalfSaid }) => call !== null && !isHalfSaid,
    happen: ({ call }) => call!.trailers(['grpc-status', text]),
    expected: () => ({ code: Code.unknown, http: 500, end: told }),
  })),
  ...(
    [
      ['grpc-message', '%zz %E4 %'],
      ['grpc-status-details-bin', '*** no base64'],
      ['grpc-status-details-bin', 'AAEC'],
      ['x-some-bin', '%%%'],
    ] as const
  ).map(([name, value]): Break<HandStream> => ({
    name: `a status with ${name}: ${value}`,
    isAt: ({ call, isHalfSaid }) => call !== null && !isHalfSaid,
    happen: ({ call }) => call!.trailers(['grpc-status', '7'], [name, value]),
    expected: () => ({ code: Code.permissionDenied, http: 403, end: told }),
  })),
]

function reply(name: string, bytes: Buffer, code: number, isAt: (place: Place<HandStream>) => boolean = () => true): Break<HandStream> {
  return {
    name,
    isAt: (place) => place.hasHead && !place.isHalfSaid && !place.form.isRaw && isAt(place),
    happen: async ({ call, kind }) => {
      await call!.send(data(call!.id, bytes))
      // Of a reply that is read whole its end tells.
      if (!isStreamed(kind)) await call!.finish()
    },
    expected: () => failed(code),
  }
}

/** Of several messages where there must be one, only the first is looked at. */
function isOnly({ kind, said }: Place<HandStream>): boolean {
  return isStreamed(kind) || said === 0
}

/** Frames that are none, of callers whose messages stand in frames. */
export const malformedFrames: readonly Break[] = [
  ask('a frame with unknown flags', flagged, { code: Code.internal, http: 400 }),
  ask('a message beyond the bound', huge, { code: Code.resourceExhausted, http: 413 }),
  ask('a message that is compressed with nothing', squeezed, { code: Code.internal, http: 400 }),
  ask('what is no message of its type', noMessage, { code: Code.invalidArgument, http: 400 }),
  ask('what was never a frame', Buffer.from('GET / HTTP/1.1\r\n\r\n'), { code: Code.internal, http: 400 }),
  ask('half a frame', Buffer.from([0, 0, 0]), { code: Code.internal, http: 400 }),
]

const unknownField = ask('a field that there is not', Buffer.from('{"txet":"m9"}\n'), invalid)

/** Texts that are no JSON, or not the right one, of callers of JSON. */
export const malformedJson: readonly Break[] = [
  ask('half a value', Buffer.from('{"text":'), invalid),
  ask('what is no JSON', Buffer.from('text: m9\n'), invalid),
  ask('a value of another type', Buffer.from('{"text":9}\n'), invalid),
  // Connect's servers read over what they do not know.
  { ...unknownField, isAt: (place) => unknownField.isAt!(place) && place.form.tells === 'http' },
  ask('no object', Buffer.from('"m9"\n'), invalid),
  ask('bytes that are no UTF-8', Buffer.from('{"text":"\xff"}\n', 'latin1'), invalid),
  ask('a message beyond the bound', Buffer.from(`{"text":"${'m'.repeat(2000)}"}\n`), { code: Code.resourceExhausted, http: 413 }),
]

/** What a REST backend may send in the place of a message. */
export const malformedBackend: readonly Break<BackendCall>[] = [
  backend('a value of another type', '{"text":9}', Code.internal),
  backend('what is no JSON', '{"text":', Code.internal),
  backend('no object', '"m9"', Code.internal),
  backend('a message beyond the bound', `{"text":"${'m'.repeat(2000)}"}`, Code.resourceExhausted),
]

function backend(name: string, json: string, code: number): Break<BackendCall> {
  return {
    name,
    isAt: ({ hasHead, said, kind, isHalfSaid }) => hasHead && !isHalfSaid && (isStreamed(kind) || said === 0),
    happen: async ({ call, kind }) => {
      await call!.piece(isStreamed(kind) ? `data: ${json}\n\n` : json)
      if (!isStreamed(kind)) await call!.finish()
    },
    expected: () => failed(code),
  }
}

function ask(name: string, bytes: Buffer, { code, http }: { readonly code: number; readonly http: number }): Break {
  return {
    name,
    isAt: ({ kind, asks, hasAsked, isHalfAsked }) => !hasAsked && !isHalfAsked && (isStreaming(kind) || asks === 0),
    happen: async ({ talk }) => {
      await talk.send(bytes)
      await talk.finish()
      await settle()
    },
    expected: () => ({ code, http, end: /^failed: (bad_request|too_large|unsupported_type)$/ }),
  }
}

function failed(code: number): { code: number; http: number; end: RegExp } {
  return { code, http: 502, end: /^upstream_failed: upstream_failed$/ }
}

/** A status passes where relay does not read it, and is the failure of a stream that has begun where it does. */
const told = /^(done|upstream_failed: upstream_failed)$/
