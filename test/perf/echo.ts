import { fileURLToPath } from 'node:url'

/** The gRPC service that is measured with: one short text there, one back. */
export const echoProto: string = fileURLToPath(new URL('echo.proto', import.meta.url))

/** Its method's path. */
export const echoPath = '/bench.Echo/Say'

/** What is asked, and what comes back. */
export const echoText = 'hello world this is text'
export const echoReply = 'hello back, this is the answer'

/** A text as a gRPC message with its frame (flag, length, then field 1). */
export function echoFrame(text: string): Buffer {
  const head = Buffer.from([0, 0, 0, 0, text.length + 2, 0x0a, text.length])
  return Buffer.concat([head, Buffer.from(text)])
}

/** What grpc-js sends with a call, Host and length aside. */
export const grpcFields: readonly (readonly [string, string])[] = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['user-agent', 'grpc-node-js/1.14.7'],
  ['grpc-timeout', '20S'],
]
