import type { DescriptorsPlan, OpenAiPlan } from '../config/plan-translate.ts'
import type { RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { ConnectOptions, MessageCodecs } from '../stages/connect-codec.ts'
import type { OpenAiOptions } from '../stages/openai.ts'
import type { PeekBudget } from '../stages/peek-budget.ts'
import type { Translation } from '../stages/translation.ts'
import { transcoder } from '../transcode/transcoder.ts'
import type { BoundMethod, Transcoder } from '../transcode/types.ts'

/** How a route's calls are put into its upstream's terms. Many routes of one upstream have the same descriptors: they are read once. */
export interface Translations {
  of(route: RoutePlan, upstream: UpstreamPlan): Translation
}

/** Makes the translations of a snapshot. */
export function translations(budget: PeekBudget): Translations {
  const made = new Map<Uint8Array, Map<string, Transcoder>>()

  const read = (bytes: Uint8Array, options: Omit<Parameters<typeof transcoder>[0], 'descriptors'>): Transcoder => {
    const known = made.get(bytes) ?? new Map<string, Transcoder>()
    made.set(bytes, known)
    const key = JSON.stringify(options)
    const found = known.get(key) ?? transcoder({ ...options, descriptors: bytes })
    known.set(key, found)
    return found
  }
  const readPlan = (plan: DescriptorsPlan, options: Parameters<typeof read>[1]): Transcoder | null =>
    plan.is === 'set' ? read(plan.bytes, options) : null

  return {
    of(route, upstream) {
      const { translate } = route
      switch (translate?.is) {
        case undefined:
          return upstream.kind === 'grpc' ? { is: 'to_grpc', connect: connectWith(null, budget), json: null } : { is: 'none' }
        case 'json_to_grpc': {
          const { discardUnknown, emitDefaults, mostMessage } = translate
          const only = translate.method === null ? null : boundTo(translate.method, route)
          const found = readPlan(translate.descriptors, { only, discardUnknown, emitDefaults, mostMessage })
          const json = { transcoder: found, base: upstream.path, mostMessage, budget }
          return { is: 'to_grpc', connect: { ...connectWith(found, budget), most: mostMessage }, json }
        }
        case 'grpc_to_json': {
          const { mostMessage } = translate
          const found = read(translate.descriptors.bytes, { backwards: true, mostMessage })
          const grpc = { transcoder: found, base: upstream.path, isClaude: upstream.kind === 'claude', mostMessage, budget }
          return { is: 'to_json', connect: { ...connectWith(found, budget), most: mostMessage }, grpc }
        }
        case 'openai':
          return { is: 'openai', openai: { ...openAiOptions(translate), passesCredential: route.credential === 'pass', budget } }
      }
    },
  }
}

function openAiOptions({ lossy, models, maxTokens }: OpenAiPlan): Pick<OpenAiOptions, 'lossy' | 'models' | 'maxTokens'> {
  return { lossy, models, maxTokens }
}

/** The route's own path is the method's. */
function boundTo(name: string, { path, methods }: RoutePlan): BoundMethod {
  const template = path.is === 'template' ? path.template : path.path
  return { name, template, ...(methods === null ? {} : { httpMethods: methods }) }
}

function connectWith(found: Transcoder | null, budget: PeekBudget): ConnectOptions {
  return { codecs: found === null ? null : codecsOf(found), most: mostUntold, budget }
}

function codecsOf(found: Transcoder): MessageCodecs {
  return (path) => {
    const method = found.method(path)
    if (method === null) return null
    return {
      toProto: (json) => asBuffer(method.requestFromJson(json)),
      toJson: (message) => method.replyToJson(message),
      isSafe: method.isSafe,
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Bytes of a message where no descriptors say what it is: gRPC's own default. */
const mostUntold = 4_194_304
