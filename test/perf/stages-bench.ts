import { numbers } from '../../src/metrics/numbers.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { Body, type Sink } from '../../src/engine/body.ts'
import { Call, compose, Reply, type Caller, type Next, type Stage } from '../../src/engine/call.ts'
import { Router } from '../../src/engine/router.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { latin1 } from '../../src/protocol/bytes.ts'
import { Head } from '../../src/protocol/head.ts'
import { RequestHead } from '../../src/protocol/request.ts'
import { aim } from '../../src/stages/aim.ts'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { credential } from '../../src/stages/credential.ts'
import { deadline } from '../../src/stages/deadline.ts'
import { forwarded } from '../../src/stages/forwarded.ts'
import { guard } from '../../src/stages/guard.ts'
import { headers, type HeaderRule } from '../../src/stages/headers.ts'
import { meter } from '../../src/stages/meter.ts'
import { observe } from '../../src/stages/observe.ts'
import { ping } from '../../src/stages/ping.ts'
import { firstByteTimeout } from '../../src/claude/endpoints.ts'
import { serve } from './serve.ts'
import { answerBody, rawRequest, requestBody } from './request.ts'

// Times what needs no socket: the stages of a route around a send that answers at once, and the router.

const calls = 100_000
const lookUps = 300_000
const rule = (name: string): HeaderRule => ({ op: 'set', name, value: [{ text: 'relay' }] })
const sweep = new Sweep()
const column = workerColumn(numbers({ workers: 1 }).memory, 0)

/** As the recipe has them; rules and limit stand twice. */
const twelve: readonly Stage[] = [
  observe({ column, log: null }),
  guard(['127.0.0.1']),
  aim({ path: { is: 'prefix', path: '/' }, rewrite: null, base: '' }),
  bodyLimit(() => 32 << 20),
  bodyLimit(() => 16 << 20),
  deadline({ firstByteMs: 60_000, idleMs: 60_000, fromCaller: firstByteTimeout }),
  forwarded(false),
  headers([rule('x-perf-request')], [rule('x-perf-reply')]),
  headers([rule('x-perf-more')], [rule('x-perf-more')]),
  credential({ field: 'x-api-key', secret: 'sk-ant-perf' }),
  meter({ asksIdentity: true }),
  ping(15_000, sweep),
]
const empty: readonly Stage[] = Array.from({ length: 12 }, (): Stage => async (call, next) => next(call))

const request = Buffer.from(rawRequest(8080), 'latin1')
const head = new RequestHead()
if (head.parse(request, 0, request.indexOf('\r\n\r\n') + 2, 100) !== null) throw new Error('the request does not parse')
const body = Buffer.from(requestBody)
const answer = Buffer.from(answerBody)
const caller: Caller = { address: '127.0.0.1', isTls: false, isTrusted: false }
const sink: Sink = { push: () => true, finish: () => undefined, fail: () => undefined }

function headOf(contentType: string): Head {
  const bytes = Buffer.from(
    `content-type: ${contentType}\r\nrequest-id: req_perf\r\nanthropic-ratelimit-requests-limit: 50\r\ndate: today\r\n\r\n`,
  )
  const parsed = new Head()
  if (parsed.parse(bytes, 0, bytes.length - 2, 100) !== null) throw new Error('the reply does not parse')
  return parsed
}

const plain = headOf('text/plain')
const json = headOf('application/json')

function sendWith(replyHead: Head): Next {
  return (call) => {
    call.attempts++
    return Promise.resolve(new Reply(200, replyHead, Body.of(answer)))
  }
}

async function timeCalls(run: Next): Promise<number> {
  const startedAt = performance.now()
  for (let k = 0; k < calls; k++) {
    const call = new Call('req_perf', startedAt, head, Body.of(body), caller)
    const reply = await run(call)
    call.status = reply.status
    reply.body.pipe(sink)
    call.settle('done')
  }
  return ((performance.now() - startedAt) * 1000) / calls
}

const onions: Readonly<Record<string, Next>> = {
  'no stage': compose([], sendWith(plain)),
  '12 empty stages': compose(empty, sendWith(plain)),
  '12 stages': compose(twelve, sendWith(plain)),
  '12 stages, usage read': compose(twelve, sendWith(json)),
}

function routerOf(count: number): Router<number> {
  const router = new Router<number>()
  for (let k = 0; k < count; k++) router.add({ host: null, methods: null, path: { is: 'prefix', path: pathOf(k) }, when: null }, k)
  return router
}

function pathOf(k: number): string {
  return `/v1/resource-${String(k).padStart(6, '0')}/items`
}

const asked = new RequestHead()
asked.method = 'POST'
asked.authority = '127.0.0.1:8080'

/** What callers ask for is never the same string, so each is made anew from bytes as in a call; that cost is taken off. */
function timeLookUps(router: Router<number> | null, paths: Buffer): number {
  const length = pathOf(0).length + 3
  let found = 0
  const startedAt = performance.now()
  for (let k = 0, at = 0; k < lookUps; k++, at += length) {
    if (at === paths.length) at = 0
    asked.path = latin1(paths, at, at + length)
    found += router === null ? asked.path.length : router.find(asked) === null ? 0 : 1
  }
  const us = ((performance.now() - startedAt) * 1000) / lookUps
  if (router !== null && found !== lookUps) throw new Error(`only ${found} of ${lookUps} look-ups found their route`)
  return us
}

const few = routerOf(10)
const many = routerOf(10_000)
const tenPaths = Buffer.from(Array.from({ length: 10 }, (_, k) => `${pathOf(k)}/42`).join(''))
const allPaths = Buffer.from(Array.from({ length: 10_000 }, (_, k) => `${pathOf((k * 7919) % 10_000)}/42`).join(''))

serve({
  names: () => [...Object.keys(onions), '10 routes', '10,000 routes', '10,000 routes, each asked for'],
  run: async () => {
    const us: Record<string, number> = {}
    for (const [name, run] of Object.entries(onions)) us[name] = await timeCalls(run)
    us['10 routes'] = timeLookUps(few, tenPaths) - timeLookUps(null, tenPaths)
    us['10,000 routes'] = timeLookUps(many, tenPaths) - timeLookUps(null, tenPaths)
    us['10,000 routes, each asked for'] = timeLookUps(many, allPaths) - timeLookUps(null, allPaths)
    return us
  },
})
