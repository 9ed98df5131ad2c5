import { X509Certificate } from 'node:crypto'
import type { DescriptorSets } from './descriptor-sets.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'
import { hasTenants } from './has-tenants.ts'
import type { UpstreamPlan } from './plan.ts'
import { type UpstreamMapping, upstreamSchema } from './schema-upstream.ts'
import type { ConfigFile } from './schema.ts'
import { readCredential } from './secret.ts'
import { readFault, type Sources } from './sources.ts'
import { hostPort, type Origin, originText, readOrigin, usualKind } from './target.ts'
import { withoutTrailingSlash } from './route-path.ts'

/** What every part of a plan is made from. */
export interface Making {
  readonly config: ConfigFile
  readonly sources: Sources
  readonly found: Findings
  /** Upstreams that have problems of their own (and '' when the default's name has): whoever speaks of one is not told again. */
  readonly broken: Set<string>
  /** Other sections and entries that were left out for their shape, such as `redis` and `tiers.standard`: the same holds for them. */
  readonly missing: ReadonlySet<string>
  /** Descriptors of gRPC services. */
  readonly sets: DescriptorSets
}

/** The upstreams of a config: those it names, and those that routes bring along as URLs. */
export interface Upstreams {
  readonly names: readonly string[]
  named(name: string): UpstreamPlan | undefined
  /** The upstream of an URL inside a route: one for each origin, kind and version of HTTP. */
  inline(origin: Origin, speaks: Speaks): UpstreamPlan
  all(): readonly UpstreamPlan[]
}

/** What a route says of what speaks at its URL. */
export type Speaks = Pick<UpstreamMapping, 'kind' | 'http'>

/** Makes the upstreams that a config names, and takes in those that its routes bring. */
export function upstreams(making: Making): Upstreams {
  const plans = new Map<string, UpstreamPlan>()
  const inlines = new Map<string, UpstreamPlan>()
  for (const [name, written] of Object.entries(making.config.upstreams)) {
    const plan = namedUpstream(name, written, making)
    if (plan === undefined) making.broken.add(name)
    else plans.set(name, plan)
  }
  return {
    names: Object.keys(making.config.upstreams),
    named: (name) => plans.get(name),
    inline(origin, { kind = usualKind(origin), http = kind === 'grpc' ? 2 : 1 }) {
      const id = `${kind}${http} ${originText(origin)}`
      const known = inlines.get(id)
      if (known !== undefined) return known
      const name = freeName(origin, `${kind}${http}`, plans)
      const plan = makeUpstream(
        { name, origin: { ...origin, path: '' }, mapping: plainMapping(originText(origin), { kind, http }), path: [] },
        making,
      )
      inlines.set(id, plan)
      plans.set(name, plan)
      return plan
    },
    all: () => [...plans.values()],
  }
}

function namedUpstream(name: string, written: string | UpstreamMapping, making: Making): UpstreamPlan | undefined {
  const { found } = making
  const path: KeyPath = ['upstreams', name]
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name)) {
    found.addKey(
      path,
      `${shown(name)} is not a name for an upstream`,
      'begin with a letter, go on with letters, digits, dots, dashes and underscores, 64 at most',
    )
    return undefined
  }
  const mapping = typeof written === 'string' ? plainMapping(written) : written
  const read = readOrigin(mapping.url)
  if (read.is === 'origin') return makeUpstream({ name, origin: read.origin, mapping, path }, making)
  found.add(typeof written === 'string' ? path : [...path, 'url'], read.message, read.remedy)
  return undefined
}

interface Written {
  readonly name: string
  readonly origin: Origin
  readonly mapping: UpstreamMapping
  readonly path: KeyPath
}

function makeUpstream({ name, origin, mapping, path }: Written, making: Making): UpstreamPlan {
  const { config, sources, found } = making
  const kind = mapping.kind ?? usualKind(origin)
  const minutes = 60_000
  const stripped = withoutTrailingSlash(origin.path)
  return {
    name,
    kind,
    http: mapping.http ?? (kind === 'grpc' ? 2 : 1),
    descriptors: readMethods({ name, origin, mapping, path }, kind, making),
    builtin: origin.builtin,
    tls: origin.tls,
    host: origin.host,
    port: origin.port,
    path: stripped === '/' ? '' : stripped,
    ca: mapping.ca === undefined ? null : readAuthorities(mapping.ca, [...path, 'ca'], { sources, found }),
    pool: mapping.pool,
    timeouts: {
      connect: mapping.timeouts.connect,
      firstByte: mapping.timeouts.firstByte ?? (kind === 'claude' ? 11 * minutes : minutes),
      idle: mapping.timeouts.idle ?? (kind === 'claude' ? 10 * minutes : 5 * minutes),
    },
    credential:
      mapping.credential === undefined
        ? ownCredential(origin, config)
        : readCredential(mapping.credential, [...path, 'credential'], { kind, sources, found }),
    forwarded: mapping.forwarded ?? kind !== 'claude',
  }
}

/** Whether what is said of an URL goes with it, and with each other; what does not is told. */
export function checkSpeaks(
  { grpc, builtin }: Origin,
  { kind, http }: Speaks,
  { path, found }: { readonly path: KeyPath; readonly found: Findings },
): void {
  if (grpc && kind !== 'grpc') found.add([...path, 'kind'], `the URL says grpc, and kind ${kind}`, 'leave `kind` out')
  if (kind === 'grpc' && http === 1) found.add([...path, 'http'], 'gRPC needs HTTP/2', 'leave `http` out')
  if (builtin && (kind === 'grpc' || http === 2))
    found.add([...path, kind === 'grpc' ? 'kind' : 'http'], 'builtin:claude speaks HTTP/1.1', 'leave it out')
}

/** What the methods of a gRPC upstream are, where it is said; what does not go together is told. */
function readMethods(
  { name, origin, mapping, path }: Written,
  kind: UpstreamPlan['kind'],
  { found, sets, broken }: Making,
): UpstreamPlan['descriptors'] {
  checkSpeaks(origin, { kind, http: mapping.http }, { path, found })
  if (kind === 'grpc') {
    const read = sets.read(mapping, path)
    if (read === null && (mapping.proto !== undefined || mapping.descriptors !== undefined)) broken.add(name)
    return read
  }
  for (const key of ['proto', 'protoPath', 'descriptors', 'reflect'] as const)
    if (mapping[key] !== undefined)
      found.addKey(
        [...path, key],
        `says what a gRPC server is, and ${shown(name)} is none`,
        'say `kind: grpc`, or write it below `grpcService` of a route for gRPC callers',
      )
  return null
}

/** The built-in fake takes any key, and a tenant's own never reaches it: where there are tenants it gets one. */
function ownCredential({ builtin }: Origin, config: Making['config']): UpstreamPlan['credential'] {
  return builtin && hasTenants({ config }) ? { field: 'x-api-key', secret: 'builtin' } : null
}

/** Extra certificate authorities from a file; null when they cannot be used, which is told. */
export function readAuthorities(file: string, path: KeyPath, { sources, found }: Pick<Making, 'sources' | 'found'>): string | null {
  try {
    const text = sources.file(file)
    if (sources.live && new X509Certificate(text).subject === undefined) throw new Error('its first certificate has no subject')
    return text
  } catch (error) {
    found.add(
      path,
      `cannot use the certificate authorities in ${shown(file)}: ${readFault(error)}`,
      'name a readable file of certificates in PEM',
    )
    return null
  }
}

function plainMapping(url: string, speaks: Speaks = {}): UpstreamMapping {
  // The schema's mapping form: a mapping in gives a mapping out.
  return upstreamSchema.parse({ url, ...speaks }) as UpstreamMapping
}

function freeName(origin: Origin, speaks: string, taken: ReadonlyMap<string, UpstreamPlan>): string {
  const short = origin.builtin ? originText(origin) : hostPort(origin, 443)
  return [short, originText(origin)].find((name) => !taken.has(name)) ?? `${originText(origin)}#${speaks}`
}
