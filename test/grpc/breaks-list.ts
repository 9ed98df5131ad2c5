import { Code } from '../../src/protocol/grpc/code.ts'
import { goaway, settle } from '../engine/h2-peer.ts'
import { FrameType, frame } from '../helpers/h2-frames.ts'
import type { Break, Place } from './breaks.ts'
import { isStreamed } from './forms.ts'
import type { BackendCall } from './hand-backend.ts'
import type { HandStream } from './hand-server.ts'

/** Long enough for any wait on the upstream's side, and for one on the caller's. In ms. */
export const upstreamMs = 100_000
export const callerMs = 1_000_000

/** What callers do, and time, and relay itself: whatever the upstream is. */
export const breaks: readonly Break[] = [
  { name: 'its caller leaves', isAt: always, happen: ({ talk }) => talk.leave(), expected: nobody },
  { name: "its caller's connection is gone", isAt: always, happen: ({ caller }) => caller.vanish(), expected: nobody },
  {
    name: 'its deadline is over',
    fields: { 'grpc-timeout': '50S' },
    isAt: always,
    happen: ({ relay }) => passed(relay.sweep, upstreamMs / 2 + 1000),
    expected: () => ({ code: Code.deadlineExceeded, http: 504, end: /^timed_out: timed_out$/ }),
  },
  {
    name: 'nothing more comes',
    fields: {},
    isAt: always,
    happen: ({ relay, hasAsked, hasHead }) => passed(relay.sweep, (hasAsked || hasHead ? upstreamMs : callerMs) + 1000),
    expected: ({ hasAsked, hasHead }) =>
      hasAsked || hasHead
        ? { code: Code.deadlineExceeded, http: 504, end: /^timed_out: timed_out$/ }
        : { code: Code.deadlineExceeded, http: 408, end: /^timed_out: slow_caller$/ },
  },
  {
    name: 'a drain cuts it',
    isAt: always,
    happen: async ({ relay }) => void relay.server.cut(() => true),
    expected: () => ({ code: Code.unavailable, http: 503, end: /^(drained|failed): unavailable$/ }),
  },
]

/** What any upstream over HTTP/2 does. */
export const brokenSessions: readonly Break<HandStream>[] = [
  {
    name: 'the upstream resets it',
    happen: ({ call }) => call!.reset(2),
    expected: () => failed(Code.internal),
  },
  {
    name: 'the upstream ends the session with an error',
    happen: ({ call }) => call!.send(goaway(call!.id, 2)),
    expected: () => failed(Code.internal),
  },
  {
    name: "the upstream's connection is gone",
    happen: ({ call }) => gone(() => call!.socket.resetAndDestroy()),
    expected: () => failed(Code.unavailable),
  },
]

/** What a gRPC upstream does. */
export const grpcBreaks: readonly Break<HandStream>[] = [
  ...brokenSessions,
  {
    name: 'the upstream ends it without trailers',
    happen: ({ call }) => call!.endBare(),
    expected: () => ({ code: Code.unknown, http: 500, isWhole: true, end: told }),
  },
]

/** Other ways to say it. */
export const moreGrpcBreaks: readonly Break<HandStream>[] = [
  {
    name: 'the upstream takes no call',
    happen: ({ call }) => call!.refuseAll(true),
    expected: () => ({ code: Code.unavailable, http: 503, end: /^(failed|upstream_failed): unavailable$/ }),
    after: ({ call }) => void call!.refuseAll(false),
  },
  ...(
    [
      [8, Code.cancelled],
      [11, Code.resourceExhausted],
      [12, Code.permissionDenied],
      [0, Code.internal],
      [1, Code.internal],
    ] as const
  ).map(([reset, code]): Break<HandStream> => ({
    name: `the upstream resets it with code ${reset}`,
    happen: ({ call }) => call!.reset(reset),
    expected: () => failed(code),
  })),
  {
    name: 'the upstream closes the connection',
    happen: ({ call }) => gone(() => call!.socket.end()),
    expected: () => failed(Code.unavailable),
  },
  {
    name: 'the upstream breaks the rules of HTTP/2',
    happen: ({ call }) => call!.send(frame(FrameType.push, 4, call!.id, Buffer.alloc(8))),
    expected: () => failed(Code.unavailable),
  },
  {
    name: 'the upstream ends it with trailers that say no status',
    happen: ({ call }) => call!.trailers(['x-why', 'none']),
    expected: () => ({ code: Code.unknown, http: 500, isWhole: true, end: told }),
  },
  {
    name: 'the upstream says a status',
    happen: ({ call }) => call!.trailers(['grpc-status', '5'], ['grpc-message', 'gone']),
    expected: () => ({ code: Code.notFound, http: 404, isWhole: true, end: told }),
  },
]

/** What a REST backend does. */
export const restBreaks: readonly Break<BackendCall>[] = [
  { name: "the backend's connection is gone", happen: ({ call }) => call!.leave(true), expected: () => failed(Code.unavailable) },
  { name: 'the backend closes the connection', happen: ({ call }) => call!.leave(false), expected: () => failed(Code.unavailable) },
  {
    name: 'the backend breaks the rules of HTTP',
    happen: ({ call, hasHead }) => call!.send(hasHead ? 'no chunk\r\n' : 'no reply\r\n\r\n'),
    expected: () => failed(Code.unavailable),
  },
  {
    name: 'the backend says a status',
    isAt: ({ call, hasHead }) => call !== null && !hasHead,
    happen: ({ call }) => call!.answer(404, '{"error":{"message":"gone"}}'),
    expected: () => ({ code: Code.notFound, http: 404, isWhole: true, end: told }),
  },
  {
    name: 'the backend sends what is no message',
    isAt: ({ hasHead, isHalfSaid }) => hasHead && !isHalfSaid,
    happen: async ({ call, kind }) => {
      await call!.piece(isStreamed(kind) ? 'data: {"text":5}\n\n' : ',')
      if (!isStreamed(kind)) await call!.finish()
    },
    expected: () => failed(Code.internal),
  },
  {
    name: 'the backend tells of an error in the stream',
    isAt: ({ kind, hasHead, isHalfSaid }) => isStreamed(kind) && hasHead && !isHalfSaid,
    happen: ({ call }) => call!.piece('event: error\ndata: {"error":{"type":"rate_limit_error","message":"slow"}}\n\n'),
    expected: () => failed(Code.resourceExhausted),
  },
]

/** A status passes where relay does not read it, and is the failure of a stream that has begun where it does. */
const told = /^(done|upstream_failed: upstream_failed)$/

async function gone(end: () => unknown): Promise<void> {
  end()
  await settle()
}

async function passed(sweep: Place['relay']['sweep'], ms: number): Promise<void> {
  sweep.pass(ms)
  await settle()
}

function failed(code: number): { code: number; http: number; end: RegExp } {
  return { code, http: 502, end: /^upstream_failed: upstream_failed$/ }
}

function always(): boolean {
  return true
}

function nobody(): null {
  return null
}
