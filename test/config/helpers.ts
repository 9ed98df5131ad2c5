import { ConfigError, type Problem } from '../../src/base/errors.ts'
import { planFromText } from '../../src/config/load-text.ts'
import type { Plan, RoutePlan } from '../../src/config/plan.ts'
import { descriptorTools } from '../../src/descriptors/tools.ts'
import { liveSources } from '../../src/config/sources.ts'

/** What surrounds a config in a test. */
export interface Around {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
}

/** The plan of a text, in a folder /etc/relay that holds the given files. */
export function planOf(text: string, { env = {}, files = {} }: Around = {}): Plan {
  const readFile = (path: string): string => {
    const held = files[path.replace('/etc/relay/', '')]
    if (held === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return held
  }
  const readBytes = (path: string): Uint8Array => Buffer.from(readFile(path))
  const sources = liveSources({
    file: '/etc/relay/relay.config.yaml',
    env,
    readFile,
    readBytes,
    parallelism: 4,
    descriptors: descriptorTools,
  })
  return planFromText(text, { file: 'relay.config.yaml', sources })
}

/** Everything that is wrong with a text. */
export function problemsOf(text: string, around: Around = {}): readonly Problem[] {
  return problemsIn(() => planOf(text, around))
}

/** The problems that a deed fails with; none when it succeeds. */
export function problemsIn(deed: () => unknown): readonly Problem[] {
  try {
    deed()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** The one route of a config that has upstreams `a` (http) and `c` (Claude, with a credential). */
export function routeOf(text: string): RoutePlan | undefined {
  return planOf(`${twoUpstreams}routes:\n  ${text}\n`, { env: { KEY: 'sk-ant-api-1' } }).routes[0]
}

/** Upstreams `a` (http, its URL with a path) and `c` (Claude, with a credential from KEY). */
export const twoUpstreams = `upstreams:
  a: http://a.example.com/base
  c: { url: https://api.anthropic.com, credential: { env: KEY } }
`

/** The problems that a promise fails with; none when it is kept. */
export async function problemsLater(promise: Promise<unknown>): Promise<readonly Problem[]> {
  const failed = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  return problemsIn(() => {
    if (failed !== undefined) throw failed as Error
  })
}
