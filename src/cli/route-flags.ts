import { dirname, relative, resolve, sep } from 'node:path'
import { Option } from 'commander'
import type { NewRoute } from '../config/edit.ts'
import { CommandError } from './command.ts'
import { given, header, several } from './options.ts'

/** What `relay route add` is told of a route. */
export interface RouteFlags {
  readonly to?: string
  readonly header?: Readonly<Record<string, string>>
  readonly timeout?: string
  readonly grpc?: string
  readonly proto?: readonly string[]
  readonly protoPath?: readonly string[]
  readonly descriptors?: string
  readonly reflect?: boolean
  readonly http2?: boolean
  readonly upgrade?: readonly string[]
  readonly openai?: boolean
  readonly lossy?: boolean
  readonly whenHeader?: readonly string[]
  readonly whenQuery?: readonly string[]
  readonly whenModel?: readonly string[]
  readonly versionBy?: string
  readonly versionMap?: Readonly<Record<string, string>>
  readonly versionDefault?: string
}

const match = 'NAME=VALUE (* stands for any text), NAME: it is there, !NAME: it is not; may be given several times'

/** The flags, in the order in which they are shown. */
export function routeOptions(): readonly Option[] {
  return [
    new Option(
      '--to <url>',
      'where it goes: an URL, or the name of an upstream with or without a path (default: the default upstream, same path)',
    ),
    new Option(
      '--grpc <target>',
      'a gRPC server, or the name of an upstream, and the method that answers: HOST:PORT/package.Service/Method',
    ),
    new Option('--proto <file>', 'with --grpc: the .proto file that has the method; may be given several times').argParser(several),
    new Option('--proto-path <folder>', 'with --proto: where its imports are looked for; may be given several times').argParser(several),
    new Option('--descriptors <file>', 'with --grpc: a descriptor set that has the method, in place of --proto'),
    new Option('--reflect', 'with --grpc: ask the server what the method is (default where nothing else says it)'),
    new Option('--http2', 'speak HTTP/2 to the URL of --to'),
    new Option('--upgrade <protocol>', 'let callers go on with another protocol: websocket').argParser(several),
    new Option('--openai', 'serve callers of the API of OpenAI with a Claude upstream'),
    new Option('--lossy', 'with --openai: drop what has no counterpart, instead of refusing it'),
    new Option('--when-header <match>', `only calls with this header: ${match}`).argParser(several),
    new Option('--when-query <match>', `only calls with this query parameter: ${match}`).argParser(several),
    new Option('--when-model <pattern>', 'only calls for this model, such as claude-opus-*; may be given several times').argParser(several),
    new Option('--version-by <what>', 'what says the version: header:NAME, query:NAME, or path (with a segment {version})'),
    new Option('--version-map <name=target>', 'a version, and where it goes, as in --to; may be given several times').argParser(header),
    new Option('--version-default <name>', 'the version of calls that say none (default: they get 400)'),
    new Option('--header <name=value>', 'a header to set on requests; may be given several times').argParser(header),
    new Option('--timeout <duration>', 'longest until the head of a reply, such as 30s'),
  ]
}

/** Whether flags say where a route goes. */
export function hasTarget({ to, grpc, versionMap }: RouteFlags): boolean {
  return to !== undefined || grpc !== undefined || versionMap !== undefined
}

/** The route that flags ask for; paths of files are then written as the config has them, from its own folder on. */
export function routeOf(path: string, flags: RouteFlags, { file, cwd }: { readonly file: string; readonly cwd: string }): NewRoute {
  const { to, header: headers, timeout, grpc, descriptors, reflect, http2, upgrade, openai, lossy } = flags
  if (lossy === true && openai !== true) throw new CommandError(2, '--lossy goes with --openai')
  const near = (named: string): string => relative(dirname(file), resolve(cwd, named)).split(sep).join('/') || '.'
  const proto = flags.proto?.map(near)
  const protoPath = flags.protoPath?.map(near)
  const keys = given({
    grpc,
    proto: proto?.length === 1 ? proto[0] : proto,
    protoPath: protoPath?.length === 1 ? protoPath[0] : protoPath,
    descriptors: descriptors === undefined ? undefined : near(descriptors),
    reflect,
    http: http2 === true ? 2 : undefined,
    when: whenOf(flags),
    versions: versionsOf(flags),
    upgrades: upgrade,
    openai: openai === true && lossy === true ? { lossy } : openai,
  })
  return { path, keys, ...given({ to, headers, timeout }) }
}

function whenOf({ whenHeader, whenQuery, whenModel }: RouteFlags): object | undefined {
  const model = whenModel?.length === 1 ? whenModel[0] : whenModel
  const when = given({ header: fieldsOf(whenHeader), query: fieldsOf(whenQuery), model })
  return Object.keys(when).length === 0 ? undefined : when
}

function fieldsOf(written: readonly string[] | undefined): object | undefined {
  if (written === undefined) return undefined
  const fields = new Map<string, string | boolean | readonly string[]>()
  for (const text of written) {
    const at = text.indexOf('=')
    const name = (at === -1 ? text : text.slice(0, at)).replace(/^!/, '')
    const before = fields.get(name)
    if (at === -1) fields.set(name, !text.startsWith('!'))
    else {
      const value = text.slice(at + 1)
      fields.set(name, before === undefined || typeof before === 'boolean' ? value : [...[before].flat(), value])
    }
  }
  return Object.fromEntries(fields)
}

function versionsOf({ versionBy, versionMap, versionDefault }: RouteFlags): object | undefined {
  if (versionBy === undefined && versionMap === undefined && versionDefault === undefined) return undefined
  if (versionBy === undefined || versionMap === undefined)
    throw new CommandError(2, 'versions need both: --version-by header:x-api-version --version-map v1=https://host/path')
  const [, where, name] = /^(header|query):(.+)$/s.exec(versionBy) ?? []
  if (where === undefined && versionBy !== 'path')
    throw new CommandError(2, `--version-by ${versionBy} says nothing: give header:NAME, query:NAME or path`)
  return { by: where === undefined ? 'path' : { [where]: name }, ...given({ default: versionDefault }), map: versionMap }
}
