import { listAt, numberAt, textAt, type Json } from './fields.ts'
import { invalid, lose } from './problem.ts'

/** What decides how sampling is asked for. */
export interface SamplingOptions {
  /** Claude's own name of the model. */
  readonly model: string
  /** The `anthropic-version` that goes out. */
  readonly version: string
  readonly lossy: boolean
}

/** `temperature` and `top_p` in Claude's terms. What is the default on both sides (1) is left out: newer versions and models take neither. */
export function sampling(body: Json, options: SamplingOptions): Json {
  const temperature = temperatureOf(body, options.lossy)
  const topP = numberAt(body['top_p'], 'top_p', [0, 1])
  return { ...sampled('temperature', temperature, options), ...sampled('top_p', topP, options) }
}

/** `stop` as Claude's `stop_sequences`. */
export function stops(body: Json, lossy: boolean): Json {
  const { stop } = body
  if (stop === undefined || stop === null) return {}
  const given = typeof stop === 'string' ? [stop] : listAt(stop, 'stop').map((each, k) => textAt(each, `stop[${k}]`))
  const kept = given.filter((text) => text.trim() !== '')
  if (kept.length < given.length) lose(lossy, 'stop', 'Claude does not stop at white space alone')
  return kept.length === 0 ? {} : { stop_sequences: kept }
}

/** How many tokens an answer may have; the default where the caller does not say. */
export function maxTokens(body: Json, otherwise: number): number {
  const old = countAt(body, 'max_tokens')
  const now = countAt(body, 'max_completion_tokens')
  if (old !== null && now !== null && old !== now) throw invalid('max_tokens', 'max_completion_tokens says otherwise')
  return now ?? old ?? otherwise
}

function countAt(body: Json, name: string): number | null {
  const count = numberAt(body[name], name, [1, Number.MAX_SAFE_INTEGER])
  if (count === null || Number.isInteger(count)) return count
  throw invalid(name, 'a whole number is expected')
}

function temperatureOf(body: Json, lossy: boolean): number | null {
  const temperature = numberAt(body['temperature'], 'temperature', [0, 2])
  if (temperature === null || temperature <= 1) return temperature
  lose(lossy, 'temperature', 'Claude takes 0 to 1')
  return 1
}

function sampled(name: string, value: number | null, { model, version, lossy }: SamplingOptions): Json {
  if (value === null || value === 1) return {}
  if (version < unsampledVersion && !isUnsampled(model)) return { [name]: value }
  const what = version < unsampledVersion ? model : `anthropic-version ${version}`
  lose(lossy, name, `${what} takes none but the default of 1`)
  return {}
}

/** Since Opus 4.7 models choose how they sample. A name of another form is not judged: the API will tell. */
function isUnsampled(model: string): boolean {
  const match = /claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/.exec(model)
  if (match === null) return false
  const major = Number(match[1])
  return major > 4 || (major === 4 && Number(match[2] ?? 0) > 6)
}

const unsampledVersion = '2026-10-21'
