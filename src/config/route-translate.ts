import { shown } from './findings.ts'
import { suggest } from './nearest.ts'
import type { DescriptorsPlan, GrpcToJsonPlan, JsonToGrpcPlan, OpenAiPlan, TranslatePlan } from './plan-translate.ts'
import { templateVariables } from './route-path.ts'
import type { RouteTarget, Routing, WrittenRoute } from './route-target.ts'

/** How what callers say is put into the upstream's terms; null: it is passed as it is. */
export function translation(route: WrittenRoute, target: RouteTarget, routing: Routing): TranslatePlan | null {
  checkKeys(route, target, routing)
  const { kind } = target.upstream
  if (kind === 'grpc') return jsonToGrpc(route, target, routing)
  if (route.mapping.grpcService !== undefined) return grpcToJson(route, target, routing)
  return kind === 'claude' ? openAi(route) : null
}

function checkKeys({ mapping, path }: WrittenRoute, { upstream, rewrite }: RouteTarget, { found }: Routing): void {
  const { kind, name } = upstream
  const speaks = `${shown(name)} is of kind ${kind}`
  const told = (key: string, message: string, remedy: string): void => found.addKey([...path, key], message, remedy)
  const asksOpenAi = mapping.openai !== undefined && mapping.openai !== false
  if (asksOpenAi && kind !== 'claude')
    told('openai', `callers of OpenAI are served by Claude, and ${speaks}`, 'send the route to a Claude upstream, or leave `openai` out')
  if (mapping.grpcService !== undefined && kind === 'grpc')
    told('grpcService', `${speaks}, so that gRPC callers reach it as they are`, 'leave `grpcService` out')
  if (mapping.grpcService !== undefined && mapping.when?.model !== undefined)
    found.addKey(
      [...path, 'when', 'model'],
      'the route serves gRPC callers (grpcService), who are routed before their messages are read',
      'leave it out, or tell them apart by `when.header`',
    )
  if (mapping.grpcService !== undefined && asksOpenAi)
    told('openai', 'the route serves gRPC callers already (grpcService)', 'make two routes of it')
  if (mapping.transcode !== undefined && kind !== 'grpc')
    told('transcode', `JSON is put into gRPC for gRPC upstreams, and ${speaks}`, 'leave it out, or say `kind: grpc` in the upstream')
  if (kind !== 'grpc')
    for (const key of ['proto', 'protoPath', 'descriptors', 'reflect'] as const)
      if (mapping[key] !== undefined)
        told(
          key,
          `says what a gRPC server is, and ${speaks}`,
          'leave it out; for gRPC callers of this upstream write it below `grpcService`',
        )
  if (mapping.grpcService !== undefined && kind !== 'grpc' && rewrite !== null)
    told('grpcService', 'decides what path goes out, and the target of the route names one too', 'leave the path out of the target')
}

function jsonToGrpc(route: WrittenRoute, { upstream, method }: RouteTarget, routing: Routing): JsonToGrpcPlan | null {
  const { mapping, path } = route
  const own = routing.sets.read(mapping, path)
  const isSaid = mapping.proto !== undefined || mapping.descriptors !== undefined || mapping.reflect !== undefined
  const known = own ?? (isSaid ? null : upstream.descriptors)
  // A method that nothing describes is one that the server has to describe.
  const descriptors: DescriptorsPlan | null = known ?? (method !== null && !isSaid ? { is: 'reflect' } : null)
  const { transcode } = mapping
  if (transcode === false) {
    if (method !== null)
      routing.found.addKey([...path, 'transcode'], 'is false, and the method that is named is for JSON callers', 'leave the method out')
    else if (own !== null)
      routing.found.addKey(
        [...path, 'transcode'],
        'is false, and what the methods are is said here for JSON callers',
        'keep one of the two',
      )
    return null
  }
  if (descriptors === null) {
    if (transcode !== undefined && !isSaid && !routing.broken.has(upstream.name))
      routing.found.addKey(
        [...path, 'transcode'],
        'nothing says what the methods of the upstream are',
        'give it `proto`, `descriptors` or `reflect: true`',
      )
    return null
  }
  if (method !== null) checkMethod(method, descriptors, route, routing)
  const {
    discardUnknown = false,
    emitDefaults = false,
    message = usualMessage,
  } = transcode === true || transcode === undefined ? {} : transcode
  return { is: 'json_to_grpc', descriptors, method, discardUnknown, emitDefaults, mostMessage: message }
}

const usualMessage = 4 * 2 ** 20

function checkMethod(method: string, descriptors: DescriptorsPlan, route: WrittenRoute, { sets, found }: Routing): void {
  const set = sets.open(descriptors)
  if (set === null) return
  const fields = set.request(method)
  const [service = '', name = ''] = method.split('/')
  if (fields === undefined) {
    const methods = set.methods(service)
    if (methods.length === 0)
      return found.add(route.targetPath, `the descriptors have no service ${shown(service)}`, suggest(service, set.services, 'service'))
    return found.add(route.targetPath, `the service ${shown(service)} has no method ${shown(name)}`, suggest(name, methods, 'method'))
  }
  const { match, mapping, path } = route
  const told = (message: string, remedy: string): void =>
    mapping.path === undefined ? found.addKey(path, message, remedy) : found.add([...path, 'path'], message, remedy)
  for (const variable of match.is === 'template' ? templateVariables(match.template) : []) {
    const fit = fields.inPath(variable)
    const what = fit === 'repeated' ? 'repeated' : 'a message'
    if (fit === 'none') told(`{${variable}} is no field of ${fields.message}`, suggest(variable, fields.names, 'field'))
    else if (fit !== 'fits')
      told(`{${variable}} cannot be one segment of a path: the field is ${what}`, 'leave it to the query or the body')
  }
}

function grpcToJson({ mapping, path, match }: WrittenRoute, _: RouteTarget, { sets, found }: Routing): GrpcToJsonPlan | null {
  const written = mapping.grpcService
  if (written === undefined) return null
  const at = [...path, 'grpcService']
  const { proto, protoPath, descriptors } = written
  if (proto === undefined && descriptors === undefined) found.add(at, 'nothing says what the service is', 'give `proto` or `descriptors`')
  const read = sets.read({ proto, protoPath, descriptors }, at, true)
  if (read?.is !== 'set') return null
  const services = sets.open(read)?.services
  const own = match.is === 'template' ? match.template : match.path
  if (services !== undefined && !services.some((service) => own === '/' || own === `/${service}` || own.startsWith(`/${service}/`)))
    found.addKey(
      path,
      `no call of the service can match ${shown(own)}`,
      `give the route the path of one: ${services.map((one) => `/${one}`).join(', ')}`,
    )
  return { is: 'grpc_to_json', descriptors: read, mostMessage: written.message }
}

function openAi({ mapping: { openai } }: WrittenRoute): OpenAiPlan | null {
  if (openai === undefined || openai === false) return null
  const { lossy = false, models = {}, maxTokens = 4096 } = openai === true ? {} : openai
  return { is: 'openai', lossy, models, maxTokens }
}
