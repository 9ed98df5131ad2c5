import type { Stage } from '../engine/call.ts'
import type { Sweep } from '../engine/sweep.ts'
import { connect } from './connect.ts'
import type { ConnectOptions } from './connect-codec.ts'
import { grpcDeadline } from './grpc-deadline.ts'
import { grpcOnly, grpcOut } from './grpc-out.ts'
import { grpcToJson, type GrpcToJsonOptions } from './grpc-to-json.ts'
import { grpcWeb } from './grpc-web.ts'
import { jsonFailures, jsonToGrpc } from './json-to-grpc.ts'
import type { JsonToGrpcOptions } from './json-to-grpc-options.ts'
import { openAiFailures } from './openai-error.ts'
import { openai, type OpenAiOptions } from './openai.ts'

/** What becomes of what callers say on their way to an upstream that speaks otherwise. */
export type Translation =
  /** It passes as it is. */
  | { readonly is: 'none' }
  /** Callers of gRPC in any of its forms; what is behind speaks gRPC itself. */
  | { readonly is: 'grpc'; readonly connect: ConnectOptions }
  /** A gRPC upstream; `json`: callers of HTTP and JSON reach it too. */
  | { readonly is: 'to_grpc'; readonly connect: ConnectOptions; readonly json: JsonToGrpcOptions | null }
  /** A REST backend, which gRPC callers reach. */
  | { readonly is: 'to_json'; readonly connect: ConnectOptions; readonly grpc: GrpcToJsonOptions }
  /** OpenAI's callers on Claude. */
  | { readonly is: 'openai'; readonly openai: OpenAiOptions }

/** Has callers told of refusals in their own words; outside of all that may refuse. */
export function telling(translation: Translation): Stage | null {
  if (translation.is === 'openai') return openAiFailures()
  return translation.is === 'to_grpc' && translation.json !== null ? jsonFailures(translation.json) : null
}

/** The stages that translate, outermost first; behind them a call is in its upstream's own terms. */
export function translating(translation: Translation, sweep: Sweep): readonly Stage[] {
  switch (translation.is) {
    case 'none':
      return []
    case 'grpc':
      return grpcForms(translation.connect, sweep)
    case 'to_grpc':
      return [...grpcForms(translation.connect, sweep), translation.json === null ? grpcOnly() : jsonToGrpc(translation.json)]
    case 'openai':
      return [openai(translation.openai)]
    case 'to_json':
      return [...grpcForms(translation.connect, sweep), grpcToJson(translation.grpc)]
  }
}

/** What the last hop of a gRPC call needs to hear. */
export function outwards(translation: Translation): Stage | null {
  return translation.is === 'to_grpc' ? grpcOut() : null
}

/** Time is counted first; gRPC-Web and Connect are gRPC from here on. */
function grpcForms(options: ConnectOptions, sweep: Sweep): readonly Stage[] {
  return [grpcDeadline(sweep), grpcWeb(), connect(options)]
}
