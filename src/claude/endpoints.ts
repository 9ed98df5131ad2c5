/**
 * The paths of the Claude API that relay treats in a way of their own. A query (`?beta=true`) changes nothing, nor does what stands
 * before them where a gateway has the API below a path of its own (`/anthropic/v1/messages`); any other spelling is another path.
 */
const messagesPath = '/v1/messages'
const countTokensPath = '/v1/messages/count_tokens'
const completionsPath = '/v1/chat/completions'
const batchesPath = '/v1/messages/batches'
const filesPath = '/v1/files'
const mebibyte = 1_048_576

/**
 * The API documents its limits as 32, 256 and 500 MB and does not say which MB. Relay takes the larger (MiB): a body between the two
 * is the API's to refuse, and its own words reach the caller.
 */
const bodyLimits: ReadonlyMap<string, number> = new Map([
  [messagesPath, 32 * mebibyte],
  [countTokensPath, 32 * mebibyte],
  [completionsPath, 32 * mebibyte],
  [batchesPath, 256 * mebibyte],
  [filesPath, 500 * mebibyte],
])

/** The longest a caller may ask for: the SDKs' longest timeout is 60 minutes, and 10% on top. */
const longestFirstByteMs = 66 * 60_000

/** The bytes that the API takes as a request body at this path (as it goes to the API), or null where it says nothing. */
export function bodyLimit(path: string): number | null {
  return bodyLimits.get(endpointOf(path)) ?? null
}

/** Whether a path makes a message: its reply tells usage. */
export function isMessages(path: string): boolean {
  return endpointOf(path) === messagesPath
}

/** Whether a path only counts tokens. */
export function isCountTokens(path: string): boolean {
  return endpointOf(path) === countTokensPath
}

/** Whether what is posted to a path names the model at its top level. */
export function namesModel(path: string): boolean {
  const endpoint = endpointOf(path)
  return endpoint === messagesPath || endpoint === countTokensPath || endpoint === completionsPath
}

/** Whether what is posted to a path makes a batch: messages of any models. */
export function isBatches(path: string): boolean {
  return endpointOf(path) === batchesPath
}

/**
 * How long to wait for a reply's head, from the caller's own timeout (`x-stainless-timeout`, whole seconds, cut off) and 10% more, so
 * that the caller gives up first; null if it does not say, or not in digits.
 */
export function firstByteTimeout(stainlessTimeout: string | null | undefined): number | null {
  if (stainlessTimeout === null || stainlessTimeout === undefined || !/^\d{1,9}$/.test(stainlessTimeout)) return null
  const seconds = Number(stainlessTimeout)
  // The caller's own timeout is less than a second above what it says: short ones need more than 10%.
  return Math.min(longestFirstByteMs, Math.max(seconds * 1100, (seconds + 1) * 1000))
}

/** The path from its last `/v1/` on. */
function endpointOf(path: string): string {
  const query = path.indexOf('?')
  const whole = query < 0 ? path : path.slice(0, query)
  const from = whole.lastIndexOf('/v1/')
  return from <= 0 ? whole : whole.slice(from)
}
