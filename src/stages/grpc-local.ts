import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call, type Next } from '../engine/call.ts'
import { converted, type Converter, type Out, type Room } from '../engine/convert.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import { Code } from '../protocol/grpc/code.ts'
import { Deframer, framed, frameError } from '../protocol/grpc/frames.ts'
import { statusLines } from '../protocol/grpc/status.ts'
import type { Reflection } from '../transcode/reflection.ts'

/** What relay's own gRPC services tell of. */
export interface LocalServices {
  readonly reflection: Reflection
  /** Aborted when relay begins to close: it does not serve any more from then on. */
  readonly closing: AbortSignal
}

/** The paths below which relay answers gRPC itself. */
export const healthPath = '/grpc.health.v1.Health'
export const reflectionPaths: readonly string[] = ['/grpc.reflection.v1.ServerReflection', '/grpc.reflection.v1alpha.ServerReflection']

/** Answers `grpc.health.v1` and `grpc.reflection` (v1, v1alpha) for the services that relay serves itself. */
export function localServices(services: LocalServices): Next {
  return async (call) => {
    if (grpcCaller(call.head.fields) === null) throw new RelayError('unsupported_type', 'only gRPC, gRPC-Web and Connect are spoken here')
    const { path } = call.head
    if (path === `${healthPath}/Check`) return grpcReply(converted(call.outgoing, new Answers((asked) => checked(asked, services))))
    if (path === `${healthPath}/Watch`) return watched(call, services)
    if (reflectionPaths.some((service) => path === `${service}/ServerReflectionInfo`))
      return grpcReply(converted(call.outgoing, new Answers((asked) => reflected(asked, services))))
    throw new RelayError('no_route', `${path} is no method that is served here`)
  }
}

function grpcReply(body: Body): Reply {
  const reply = new Reply(200, null, body)
  reply.edits.line(grpcType)
  return reply
}

/** One answer for each message that comes. */
class Answers implements Converter {
  private readonly deframer: Deframer
  private out: Out | null = null

  constructor(answer: (message: Buffer) => Uint8Array) {
    const onMessage = (message: Buffer): void => void this.out!.push(framed(Buffer.from(answer(message))), true)
    this.deframer = new Deframer({ most, from: 'caller', flags: 0, onMessage })
  }

  read(bytes: Buffer, out: Room): void {
    this.out = out
    const refused = this.deframer.read(bytes, out)
    if (refused !== null) throw frameError(refused)
  }

  end(): Buffer {
    const refused = this.deframer.end()
    if (refused !== null) throw frameError(refused)
    return ok
  }

  broken(_end: unknown, error: RelayError | null): Buffer {
    return statusLines({ code: error?.grpc ?? Code.cancelled, message: error?.message ?? '', details: null })
  }
}

function reflected(asked: Buffer, { reflection }: LocalServices): Uint8Array {
  const answer = reflection.answer(asked)
  if (answer === null) throw new RelayError('bad_request', 'the message is no ServerReflectionRequest')
  return answer
}

const health = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const

function checked(asked: Buffer, services: LocalServices): Uint8Array {
  const service = serviceIn(asked)
  const status = healthOf(service, services)
  if (status === health.serviceUnknown) throw new RelayError('no_route', `no service ${service} is known here`, { grpc: Code.notFound })
  return healthMessage(status)
}

/** Tells the state now, and when it changes: as long as its caller stays. */
function watched(call: Call, services: LocalServices): Reply {
  const { closing } = services
  let isKnown = false
  const reader = new Answers((message) => {
    isKnown = true
    return healthMessage(healthOf(serviceIn(message), services))
  })
  const first = converted(call.outgoing, reader)
  const body = new Body(-1, { pause: nothing, resume: nothing, ended: () => closing.removeEventListener('abort', closed) })
  const closed = (): void => {
    if (isKnown) body.push(framed(Buffer.from(healthMessage(health.notServing))), true)
    body.finish(ok)
  }
  first.pipe({
    push: (bytes, isOwned) => body.push(bytes, isOwned),
    finish: () => {
      if (closing.aborted || !isKnown) body.finish(ok)
      else closing.addEventListener('abort', closed, { once: true })
    },
    fail: (end, error) => body.fail(end, error),
  })
  const reply = grpcReply(body)
  reply.isStream = true
  return reply
}

function healthOf(service: string, { reflection, closing }: LocalServices): number {
  if (service !== '' && !reflection.services.includes(service)) return health.serviceUnknown
  return closing.aborted ? health.notServing : health.serving
}

/** `HealthCheckRequest`: its one field. */
function serviceIn(message: Buffer): string {
  try {
    const reader = new BinaryReader(message)
    let service = ''
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === 1 && type === WireType.LengthDelimited) service = reader.string()
      else reader.skip(type, field)
    }
    return service
  } catch {
    throw new RelayError('bad_request', 'the message is no HealthCheckRequest')
  }
}

function healthMessage(status: number): Uint8Array {
  return new BinaryWriter().tag(1, WireType.Varint).int32(status).finish()
}

function nothing(): void {
  // A state changes seldom.
}

/** Bytes of a question. */
const most = 65_536
const ok = statusLines({ code: Code.ok, message: '', details: null })
const grpcType = fieldLine(fieldName('content-type'), 'application/grpc')
