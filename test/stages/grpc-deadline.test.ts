import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import { Body } from '../../src/engine/body.ts'
import { compose, stopped, type Reply } from '../../src/engine/call.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { readTimeout } from '../../src/protocol/grpc/timeout.ts'
import { grpcDeadline } from '../../src/stages/grpc-deadline.ts'
import { grpcOnly, grpcOut } from '../../src/stages/grpc-out.ts'
import { FakeSink } from '../engine/shapes.ts'
import { outcomeOf } from './helpers.ts'
import { FakeUpstream, grpcCall, through } from './grpc-world.ts'

const grpc = 'content-type: application/grpc'
// A sweep alone keeps no process.
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

t.test('the time that is left goes on to the upstream', async (t) => {
  for (const [fields, least, most] of [
    ['grpc-timeout: 5S', 4000, 5000],
    ['grpc-timeout: 99999999H', 3e14, 3.6e14],
    ['connect-timeout-ms: 7000', 6000, 7000],
  ] as const) {
    const sweep = new Sweep()
    const upstream = new FakeUpstream()
    const call = grpcCall(`${grpc}\n${fields}`)

    await compose([grpcDeadline(sweep), grpcOut()], upstream.next)(call)

    const line = upstream.lines.filter((one) => one.startsWith('grpc-timeout: '))
    const left = readTimeout(line[0]?.slice(14) ?? '') ?? -1
    t.equal(line.length, 1)
    t.ok(left > least && left <= most, `${fields} became ${left} ms`)
    t.equal(sweep.size, 1)
    call.settle('done')
    t.equal(sweep.size, 0, 'a call that is over is not watched')
  }
})

t.test('an upstream is waited for as long as its caller says, but not for days', async (t) => {
  for (const [fields, least, most] of [
    ['grpc-timeout: 10M', 590_000, 600_000],
    ['grpc-timeout: 99999999H', 3_600_000, 3_600_000],
  ] as const) {
    const call = grpcCall(`${grpc}\n${fields}`)

    await compose([grpcDeadline(new Sweep()), grpcOut()], new FakeUpstream().next)(call)

    t.ok(call.firstByteMs >= least && call.firstByteMs <= most, `${fields}: ${call.firstByteMs} ms`)
    call.settle('done')
  }
})

t.test('a call without a deadline has none, and costs no place in the sweep', async (t) => {
  const sweep = new Sweep()
  const upstream = new FakeUpstream()

  await compose([grpcDeadline(sweep), grpcOut()], upstream.next)(grpcCall(grpc))

  t.strictSame(upstream.lines, [grpc])
  t.equal(sweep.size, 0)
})

t.test('no time, and what is no time, is refused before anything is sent', async (t) => {
  const seen = async (fields: string): Promise<unknown> => {
    const { error } = await outcomeOf(grpcDeadline(new Sweep()), grpcCall(`${grpc}\n${fields}`), async () => t.fail('it was sent') as never)
    return [error?.failure, error?.grpc]
  }
  for (const none of ['grpc-timeout: 0n', 'grpc-timeout: 0H', 'grpc-timeout: 1n', 'connect-timeout-ms: 0'])
    t.same(await seen(none), ['timed_out', 4], none)
  for (const malformed of [
    'grpc-timeout: 5',
    'grpc-timeout: 123456789S',
    'grpc-timeout:',
    'connect-timeout-ms: 1.5',
    'connect-timeout-ms: 5S',
  ])
    t.same(await seen(malformed), ['bad_request', 3], malformed)
})

t.test('time that ran out on the way to the upstream is not sent', async (t) => {
  const call = grpcCall(grpc)
  call.deadlineAt = performance.now() - 1

  t.match(await outcomeOf(grpcOut(), call, async () => t.fail('it was sent') as never), { error: { failure: 'timed_out' } })
})

t.test('at its end a call without a reply stops its work, and fails by its deadline whatever that says', async (t) => {
  const stops: BodyEnd[] = []
  const body = new Body(-1, null)
  const call = grpcCall(`${grpc}\ngrpc-timeout: 30m`, body)
  const next = async (): Promise<Reply> =>
    new Promise((_resolve, reject) => {
      call.work = {
        cancel: (end) => {
          stops.push(end)
          reject(stopped(end))
        },
      }
    })

  const { error } = await outcomeOf(grpcDeadline(new Sweep()), call, next)

  t.match(error, { failure: 'timed_out', grpc: 4 })
  t.ok(performance.now() - call.startedAt >= 30, 'never early')
  t.strictSame(stops, ['timed_out'])
  t.equal(body.end, 'timed_out', 'nobody waits for the rest of the request')
})

t.test('at its end a stream is broken off with a status, and its upstream stopped', async (t) => {
  const upstream = new FakeUpstream({ messages: ['one'], trailers: null })
  const stage = compose([grpcDeadline(new Sweep()), grpcOut()], upstream.next)
  const got = await through(stage, grpcCall(`${grpc}\ngrpc-timeout: 30m`), upstream.next)

  await new Promise<void>((resolve) => upstream.body.onEnd(() => resolve()))

  t.match(got.sink.told.at(-1), /^fail timed_out grpc-status: 4\r\ngrpc-message: /)
  t.ok(upstream.source.told.includes('ended timed_out'))
})

t.test('a gRPC reply that breaks off says its status in trailers, another one breaks off', async (t) => {
  for (const [type, told] of [
    ['application/grpc+proto', 'fail upstream_failed grpc-status: 14\r\ngrpc-message: the upstream broke off its reply\r\n'],
    ['text/html', 'fail upstream_failed'],
  ] as const) {
    const upstream = new FakeUpstream({ type, trailers: null })
    const { body } = await grpcOut()(grpcCall(grpc), upstream.next)
    const sink = new FakeSink()
    body.pipe(sink)

    body.fail('upstream_failed', null)

    t.equal(sink.told.at(-1), told)
  }
})

t.test('who does not speak gRPC is refused where nobody translates', async (t) => {
  const speaks = [
    'application/grpc',
    'Application/GRPC+Proto; a=b',
    'application/grpc+thrift',
    'application/grpc-web-text',
    'application/connect+json',
    'application/proto',
  ]
  for (const type of speaks) t.equal((await outcomeOf(grpcOnly(), grpcCall(`content-type: ${type}`))).status, 200, type)
  t.equal((await outcomeOf(grpcOnly(), grpcCall('content-type: application/json\nconnect-protocol-version: 1'))).status, 200)

  for (const fields of [
    'content-type: application/json',
    'content-type: application/grpcx',
    'content-type: application/grpc-',
    'content-type: application/',
    'accept: */*',
  ])
    t.match(await outcomeOf(grpcOnly(), grpcCall(fields)), { error: { failure: 'unsupported_type' } }, fields)
})
