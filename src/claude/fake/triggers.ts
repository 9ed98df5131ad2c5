/** What a caller asks the fake to do, by words in brackets in the text of the last user message. */
export interface Triggers {
  readonly error: ErrorTrigger | null
  readonly delayMs: number
  readonly paceMs: number
  readonly tokens: number | null
  readonly tool: ToolTrigger | null
  /** Tools to use at once. */
  readonly tools: readonly string[]
  readonly isRefused: boolean
  readonly isThinking: boolean
  readonly pings: number
  readonly deltas: number
  readonly streamError: string | null
  readonly streamEnd: StreamEnd | null
  readonly echo: 'headers' | 'request' | null
  readonly cacheRead: number
  readonly isUnicode: boolean
  readonly coding: string | null
  readonly split: number | null
}

export interface ErrorTrigger {
  readonly status: number
  readonly retryAfter: string | null
  readonly shouldRetry: string | null
  /** Only the first attempts fail, as `x-stainless-retry-count` counts them. */
  readonly attempts: number
  readonly isHtml: boolean
}

interface ToolTrigger {
  readonly name: string
  readonly input: Readonly<Record<string, unknown>> | null
}

/** How a stream ends other than it should: after so many events, or in the middle of that one. */
interface StreamEnd {
  readonly is: 'break' | 'reset' | 'inside' | 'early'
  readonly events: number
}

/** How far into a text, from its start and from its end, triggers are looked for: a body may be 32 MB. */
const reach = 4_096
const longestWaitMs = 900_000

const none: Triggers = {
  error: null,
  delayMs: 0,
  paceMs: 1,
  tokens: null,
  tool: null,
  tools: [],
  isRefused: false,
  isThinking: false,
  pings: 1,
  deltas: 1,
  streamError: null,
  streamEnd: null,
  echo: null,
  cacheRead: 0,
  isUnicode: false,
  coding: null,
  split: null,
}

/** Every trigger: what it looks like, what it does, how it is read. Numbers are bounded; of two that set one thing the later row wins. */
export const triggerTable: readonly { readonly form: string; readonly does: string; readonly pattern: RegExp; readonly set: Setter }[] = [
  {
    form: '[error 429 retry-after 7 should-retry false attempts 2 html]',
    does: 'answers with that status; all but the status may be left out; `attempts 2`: only the first two, `html`: as an edge in front of the API would',
    pattern: /\[error ([45]\d\d)([^\]]*)\]/,
    set: ([, status, rest]) => ({ error: errorTrigger(Number(status), rest ?? '') }),
  },
  {
    form: '[delay 500ms]',
    does: 'waits before the head',
    pattern: /\[delay (\d+)ms\]/,
    set: ([, ms]) => ({ delayMs: upTo(longestWaitMs, ms) }),
  },
  {
    form: '[pace 20ms]',
    does: 'waits between events (1 ms)',
    pattern: /\[pace (\d+)ms\]/,
    set: ([, ms]) => ({ paceMs: upTo(longestWaitMs, ms) }),
  },
  {
    form: '[tokens 500]',
    does: 'answers with so many tokens',
    pattern: /\[tokens (\d+)\]/,
    set: ([, n]) => ({ tokens: upTo(128_000, n) }),
  },
  {
    form: '[tool NAME {"json":1}]',
    does: 'uses that tool, if the call offers it',
    pattern: /\[tool ([\w.-]+)([^]*)/,
    set: ([, name, rest]) => toolTrigger(name, rest),
  },
  {
    form: '[tools NAME OTHER]',
    does: 'uses these tools at once, if the call offers them and allows it',
    pattern: /\[tools ([\w. -]+)\]/,
    set: ([, names]) => ({ tools: (names ?? '').split(' ').filter((name) => name !== '') }),
  },
  { form: '[refuse]', does: 'declines to answer', pattern: /\[refuse\]/, set: () => ({ isRefused: true }) },
  { form: '[think]', does: 'thinks first, also where thinking is not enabled', pattern: /\[think\]/, set: () => ({ isThinking: true }) },
  {
    form: '[ping 3]',
    does: 'sends so many pings in the first block (1)',
    pattern: /\[ping (\d+)\]/,
    set: ([, n]) => ({ pings: upTo(1_000, n) }),
  },
  {
    form: '[deltas 3]',
    does: 'tells usage in so many message_delta events, cumulative',
    pattern: /\[deltas (\d+)\]/,
    set: ([, n]) => ({ deltas: Math.max(1, upTo(100, n)) }),
  },
  {
    form: '[stream error overloaded_error]',
    does: 'an error event after a few events, then a clean end; the type may be left out',
    pattern: /\[stream error(?: (\w+))?\]/,
    set: ([, type]) => ({ streamError: type ?? 'overloaded_error' }),
  },
  {
    form: '[break after 3]',
    does: 'closes the connection after so many events, without the last chunk',
    pattern: /\[break after (\d+)\]/,
    set: ending('break'),
  },
  { form: '[break inside 3]', does: 'closes it in the middle of that event', pattern: /\[break inside (\d+)\]/, set: ending('inside') },
  { form: '[reset after 3]', does: 'resets the connection after so many events', pattern: /\[reset after (\d+)\]/, set: ending('reset') },
  {
    form: '[end early 3]',
    does: 'a clean end after so many events; without a number: all but message_stop',
    pattern: /\[end early(?: (\d+))?\]/,
    set: ending('early'),
  },
  {
    form: '[echo headers]',
    does: 'the answer is the header fields received, as JSON',
    pattern: /\[echo headers\]/,
    set: () => ({ echo: 'headers' }),
  },
  {
    form: '[echo request]',
    does: 'the answer is JSON: method, url, raw fields, and the length and SHA-256 of the body',
    pattern: /\[echo request\]/,
    set: () => ({ echo: 'request' }),
  },
  {
    form: '[cache read 1000]',
    does: 'tells of so many tokens read from a cache',
    pattern: /\[cache read (\d+)\]/,
    set: ([, n]) => ({ cacheRead: upTo(1_000_000, n) }),
  },
  { form: '[unicode]', does: 'answers with text of many bytes a letter', pattern: /\[unicode\]/, set: () => ({ isUnicode: true }) },
  {
    form: '[gzip] [deflate] [br] [zstd]',
    does: 'codes the answer, if the caller accepts that',
    pattern: /\[(gzip|deflate|br|zstd)\]/,
    set: ([, coding]) => ({ coding: coding ?? null }),
  },
  {
    form: '[split 1]',
    does: 'writes the answer in pieces of so many bytes',
    pattern: /\[split (\d+)\]/,
    set: ([, n]) => ({ split: Math.max(1, upTo(65_536, n)) }),
  },
]

type Setter = (match: readonly (string | undefined)[]) => Partial<Triggers>

/** Reads the triggers in the texts of a message. */
export function triggersIn(texts: readonly string[]): Triggers {
  const text = texts.map(ends).join('\n')
  if (!text.includes('[')) return none
  const found = triggerTable.map(({ pattern, set }) => {
    const match = pattern.exec(text)
    return match === null ? {} : set(match)
  })
  return Object.assign({}, none, ...found) as Triggers
}

/** The part of a text in which triggers count. */
export function ends(text: string): string {
  return text.length <= 2 * reach ? text : `${text.slice(0, reach)}\n${text.slice(-reach)}`
}

function errorTrigger(status: number, rest: string): ErrorTrigger {
  return {
    status,
    retryAfter: /retry-after (\S+)/.exec(rest)?.[1] ?? null,
    shouldRetry: /should-retry (true|false)/.exec(rest)?.[1] ?? null,
    attempts: Number(/attempts (\d{1,6})/.exec(rest)?.[1] ?? 1_000_000),
    isHtml: /\bhtml\b/.test(rest),
  }
}

/** The tool's input may hold brackets of its own: the first `}]` behind which it is whole JSON ends it. */
function toolTrigger(name = '', rest = ''): Partial<Triggers> {
  const json = rest.trimStart()
  if (!json.startsWith('{')) return { tool: { name, input: null } }
  for (let end = json.indexOf('}]'); end >= 0; end = json.indexOf('}]', end + 1)) {
    try {
      // It starts with a brace, so it is an object or not JSON at all.
      return { tool: { name, input: JSON.parse(json.slice(0, end + 1)) as Readonly<Record<string, unknown>> } }
    } catch {
      // Not whole yet: the next end may be the right one.
    }
  }
  return { tool: { name, input: null } }
}

function ending(is: StreamEnd['is']): Setter {
  return ([, events]) => ({ streamEnd: { is, events: events === undefined ? Number.POSITIVE_INFINITY : Number(events) } })
}

function upTo(most: number, digits: string | undefined): number {
  return Math.min(most, Number(digits ?? 0))
}
