import type { Stage } from '../../src/engine/call.ts'
import { codecsOf } from '../../src/stages/connect-codec.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import { gate, type Gate } from '../helpers/gate.ts'
import { echoServer, echoSet, type EchoServer } from './echo-server.ts'
import { grpcRelay, type GrpcRelay } from './relay.ts'

/** Relay's engine with the stages of a gRPC route, in this process, in front of a server of grpc-js. */
export interface GrpcWorld extends GrpcRelay {
  readonly upstream: EchoServer
  /** Between relay and the upstream. */
  readonly door: Gate
}

/** What a world is made of besides. */
export interface GrpcWorldOptions {
  /** Between the callers' protocols and the upstream. */
  readonly stages?: readonly Stage[]
}

/** Makes a world that ends with its test. */
export async function grpcWorld(t: { teardown(end: () => unknown): unknown }, { stages = [] }: GrpcWorldOptions = {}): Promise<GrpcWorld> {
  const upstream = await echoServer(t)
  const door = await gate(t, upstream.port)
  const codecs = codecsOf(transcoder({ descriptors: echoSet, mostMessage: most }))
  const relay = await grpcRelay({ to: door.port, stages, translation: { is: 'to_grpc', connect: { codecs, most }, json: null } })
  t.teardown(async () => {
    upstream.stop()
    await relay.close()
  })
  return { ...relay, upstream, door }
}

/** Bytes of a message. */
export const most = 65_536
