import { codecsOf, type ConnectOptions } from '../../src/stages/connect-codec.ts'
import type { PeekBudget } from '../../src/stages/peek-budget.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import type { Transcoder } from '../../src/transcode/types.ts'
import { setOf } from '../transcode/proto.ts'
import { callerMs, upstreamMs } from './breaks-list.ts'
import type { BreakWorld } from './breaks.ts'
import { HandBackend, type BackendCall } from './hand-backend.ts'
import { HandServer, type HandCall, type HandStream, type HandUpstream } from './hand-server.ts'
import { grpcRelay } from './relay.ts'

interface Scope {
  teardown(end: () => unknown): unknown
}

/** In front of a gRPC server, for callers of gRPC in any form and of JSON. */
export async function grpcBreakWorld(t: Scope): Promise<BreakWorld<HandStream> & { readonly upstream: HandServer }> {
  const upstream = await new HandServer().start()
  const { budget, held } = counted()
  const methods = transcoder({ descriptors: unruled, mostMessage: most })
  const json = { transcoder: methods, base: '', mostMessage: most, budget }
  const translation = { is: 'to_grpc', connect: connectWith(methods, budget), json } as const
  const relay = await grpcRelay({ to: upstream.port, waitMs: upstreamMs, callerMs, translation })
  t.teardown(async () => {
    await relay.close()
    await upstream.stop()
  })
  return { relay, upstream, held }
}

/** In front of a REST backend over HTTP/1.1, for callers of gRPC in any form. */
export async function restBreakWorld(t: Scope): Promise<BreakWorld<BackendCall>> {
  return restWorld(t, await new HandBackend().start(), 1)
}

/** The same over HTTP/2. */
export async function rest2BreakWorld(t: Scope): Promise<BreakWorld<HandStream>> {
  return restWorld(t, await new HandServer({ isRest: true }).start(), 2)
}

async function restWorld<Call extends HandCall>(t: Scope, upstream: HandUpstream<Call>, http: 1 | 2): Promise<BreakWorld<Call>> {
  const { budget, held } = counted()
  const methods = transcoder({ descriptors: ruled, backwards: true, mostMessage: most })
  const grpc = { transcoder: methods, base: '', isClaude: false, mostMessage: most, budget }
  const translation = { is: 'to_json', connect: connectWith(methods, budget), grpc } as const
  const relay = await grpcRelay({ to: upstream.port, http, waitMs: upstreamMs, callerMs, translation })
  t.teardown(async () => {
    await relay.close()
    await upstream.stop()
  })
  return { relay, upstream, held }
}

/** A budget without end, and what is held of it. */
function counted(): { readonly budget: PeekBudget; readonly held: () => number } {
  let held = 0
  const take = (bytes: number): boolean => {
    held += bytes
    return true
  }
  const give = (bytes: number): void => {
    held -= bytes
  }
  return { budget: { take, give }, held: () => held }
}

function connectWith(methods: Transcoder, budget: PeekBudget): ConnectOptions {
  return { codecs: codecsOf(methods), most, budget }
}

/** Bytes of a message. */
const most = 1000

const types = { package: 'echo.v1', messages: { Say: ['string text = 1'] } }
const one = { in: 'Say', out: 'Say' } as const

/** Without rules: each method is a POST to its own path. */
const unruled = setOf({
  ...types,
  methods: { Once: one, Count: { ...one, streams: 'out' }, Sum: { ...one, streams: 'in' }, Chat: { ...one, streams: 'both' } },
})

const ruled = setOf({
  ...types,
  methods: {
    Once: { ...one, rule: { post: '/once', body: '*' } },
    Count: { ...one, streams: 'out', rule: { post: '/count', body: '*' } },
    Sum: { ...one, streams: 'in', rule: { post: '/sum', body: '*' } },
    Chat: { ...one, streams: 'both', rule: { post: '/chat', body: '*' } },
  },
})
