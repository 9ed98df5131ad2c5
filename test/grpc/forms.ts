import { Code, codeOfReset } from '../../src/protocol/grpc/code.ts'
import { connectCode } from '../../src/protocol/grpc/connect-json.ts'
import { framed } from '../../src/protocol/grpc/frames.ts'
import type { Got } from './hand-caller.ts'

export type Kind = 'unary' | 'server' | 'client' | 'bidi'

/** Whether replies are streams. */
export function isStreamed(kind: Kind): boolean {
  return kind === 'server' || kind === 'bidi'
}

/** Whether requests are streams. */
export function isStreaming(kind: Kind): boolean {
  return kind === 'client' || kind === 'bidi'
}

/** A call as its caller takes it. */
export interface Outcome {
  /** Of gRPC; -1: nothing said it. */
  readonly code: number
  /** The HTTP status, where the form tells failures by it. */
  readonly status: number
  readonly messages: number
  /** The reply ended by its protocol; else it was cut. */
  readonly isWhole: boolean
}

/** A way in which callers speak. */
export interface Form {
  readonly name: string
  readonly version: '1.1' | '2'
  readonly kinds: readonly Kind[]
  /** Pieces of a message pass as they come. */
  readonly isRaw: boolean
  /** Relay looks into messages. */
  readonly isRead: boolean
  /** Where its callers read how a call ended: trailers, a last frame, an HTTP status that the code makes, or one that relay chooses. */
  readonly tells: 'trailers' | 'frame' | 'code' | 'http'
  /** When the upstream hears of a call: with its head, its first message, or its whole body. */
  reaches(kind: Kind): 'head' | 'first' | 'asked'
  fields(kind: Kind): Readonly<Record<string, string>>
  /** The k-th message, as it goes out. */
  ask(k: number): Buffer
  outcome(got: Got): Outcome
}

/** A message with a number. */
export function message(k: number): Buffer {
  return Buffer.from(`\n\x02m${k}`)
}

/** Callers of gRPC itself. */
export const grpc: Form = {
  name: 'gRPC',
  version: '2',
  kinds: ['unary', 'server', 'client', 'bidi'],
  isRaw: true,
  isRead: false,
  tells: 'trailers',
  reaches: () => 'head',
  fields: () => ({ 'content-type': 'application/grpc', te: 'trailers' }),
  ask: (k) => framed(message(k)),
  outcome(got) {
    const said = got.trailers.get('grpc-status') ?? got.fields.get('grpc-status')
    // Callers go by the code of a reset, and by the HTTP status (UNKNOWN for a 200) where nothing was said.
    const unsaid = got.end === 'whole' ? Code.unknown : got.reset === null ? -1 : codeOfReset(got.reset)
    const code = said === undefined ? unsaid : Number(said)
    return { code, status: got.status ?? 0, messages: framesIn(got.body).length, isWhole: got.end === 'whole' }
  },
}

/** Callers of gRPC-Web, binary and in text. */
export const webs: readonly Form[] = [
  web('gRPC-Web', 'application/grpc-web+proto', false),
  web('gRPC-Web in text', 'application/grpc-web-text', true),
]

function web(name: string, type: string, isText: boolean): Form {
  const coded = (bytes: Buffer): Buffer => (isText ? Buffer.from(bytes.toString('base64')) : bytes)
  return {
    name,
    version: '1.1',
    kinds: ['unary', 'server'],
    isRaw: true,
    isRead: false,
    tells: 'frame',
    reaches: () => 'head',
    fields: () => ({ 'content-type': type, 'x-grpc-web': '1' }),
    ask: (k) => coded(framed(message(k))),
    outcome(got) {
      const pieces = got.body.toString('latin1').match(/[^=]+=*/g) ?? []
      const frames = framesIn(isText ? Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))) : got.body)
      const last = frames.find(({ flags }) => flags === 0x80)
      const code = /grpc-status: (\d+)/.exec(last?.text ?? '')?.[1]
      const messages = frames.filter(({ flags }) => flags === 0).length
      return { code: code === undefined ? -1 : Number(code), status: got.status ?? 0, messages, isWhole: got.end === 'whole' }
    },
  }
}

/** Callers of Connect: streams, and unary calls, whose messages stand bare. */
export const connects: readonly Form[] = [
  {
    ...connectStream('Connect', 'application/connect+proto', true),
    ask: (k) => framed(message(k)),
  },
  {
    ...connectStream('Connect in JSON', 'application/connect+json', false),
    ask: (k) => framed(Buffer.from(json(k))),
  },
  connectUnary('unary Connect', 'application/proto', message),
  connectUnary('unary Connect in JSON', 'application/json', (k) => Buffer.from(json(k))),
]

function connectStream(name: string, type: string, isRaw: boolean): Omit<Form, 'ask'> {
  return {
    ...{ name, isRaw, isRead: !isRaw, tells: 'frame', version: '1.1', kinds: ['server'], reaches: () => 'head' },
    fields: () => ({ 'content-type': type, 'connect-protocol-version': '1' }),
    outcome(got) {
      const frames = framesIn(got.body)
      const last = frames.find(({ flags }) => flags === 2)
      const messages = frames.filter(({ flags }) => flags === 0).length
      return { code: last === undefined ? -1 : codeIn(last.text), status: got.status ?? 0, messages, isWhole: got.end === 'whole' }
    },
  }
}

function connectUnary(name: string, type: string, ask: (k: number) => Buffer): Form {
  return {
    ...{
      name,
      ask,
      version: '1.1',
      kinds: ['unary'],
      isRaw: false,
      isRead: type === 'application/json',
      tells: 'code',
      reaches: () => 'asked',
    },
    fields: () => ({ 'content-type': type, 'connect-protocol-version': '1' }),
    outcome(got) {
      const isOk = got.status === 200
      const code = got.end !== 'whole' ? -1 : isOk ? 0 : codeIn(`{"error":${got.body.toString()}}`)
      return { code, status: got.status ?? 0, messages: isOk ? 1 : 0, isWhole: got.end === 'whole' }
    },
  }
}

function codeIn(text: string): number {
  const { error } = JSON.parse(text) as { readonly error?: { readonly code: string } }
  return error === undefined ? 0 : Object.values(Code).findIndex((code) => connectCode(code) === error.code)
}

/** Callers in front of a REST backend: a message goes out when it is whole. */
export const onRest: readonly Form[] = [
  {
    ...grpc,
    name: 'gRPC',
    reaches: (kind: Kind) => (isStreaming(kind) ? 'first' : 'asked') as 'first',
  },
  ...[...webs, ...connects].map((form) => ({ ...form, reaches: () => 'asked' as const })),
].map((form) => ({ ...form, name: `${form.name} onto REST`, isRaw: false, isRead: true }))

/** Callers of HTTP and JSON, in every form of a stream, over both versions. */
export const jsons: readonly Form[] = (['1.1', '2'] as const).flatMap((version) => [
  jsonForm({ version, kinds: ['unary', 'client'], accept: 'application/json', read: readOne }),
  jsonForm({ version, kinds: ['server', 'bidi'], accept: 'text/event-stream', read: readEvents }),
  jsonForm({ version, kinds: ['server', 'bidi'], accept: 'application/x-ndjson', read: readLines }),
  jsonForm({ version, kinds: ['server'], accept: '*/*', read: readArray }),
])

interface JsonWords {
  readonly version: '1.1' | '2'
  readonly kinds: readonly Kind[]
  readonly accept: string
  readonly read: (text: string, isWhole: boolean) => readonly Said[]
}

/** What a stream says: a message, or the error that it ends with. */
interface Said {
  readonly error?: { readonly code: number }
}

function jsonForm({ version, kinds, accept, read }: JsonWords): Form {
  return {
    ...{ name: `JSON (${accept}) over HTTP/${version}`, version, kinds, isRaw: false, isRead: true, tells: 'http' },
    reaches: (kind) => (isStreaming(kind) ? 'head' : 'asked'),
    fields: (kind) => ({ 'content-type': isStreaming(kind) ? 'application/x-ndjson' : 'application/json', accept }),
    ask: (k) => Buffer.from(`${json(k)}\n`),
    outcome(got) {
      const isWhole = got.end === 'whole'
      const text = got.body.toString()
      const status = got.status ?? 0
      if (status !== 200) return { code: isWhole ? (JSON.parse(text) as { code: number }).code : -1, status, messages: 0, isWhole }
      const said = read(text, isWhole)
      const error = said.find(({ error }) => error !== undefined)?.error
      const messages = said.filter(({ error }) => error === undefined).length
      return { code: error?.code ?? (isWhole ? 0 : -1), status, messages, isWhole }
    },
  }
}

function readOne(text: string, isWhole: boolean): readonly Said[] {
  return isWhole ? [JSON.parse(text) as Said] : []
}

function readEvents(text: string): readonly Said[] {
  const events = text.split('\n\n').slice(0, -1)
  return events.map((event) => {
    const data = JSON.parse(event.slice(event.indexOf('data: ') + 6)) as { code: number }
    return event.startsWith('event: error\n') ? { error: data } : {}
  })
}

function readLines(text: string): readonly Said[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Said)
}

/** An array that is not whole is none: what stands in it is read all the same. */
function readArray(text: string, isWhole: boolean): readonly Said[] {
  if (isWhole) return JSON.parse(text) as readonly Said[]
  return text === '' ? [] : (JSON.parse(`${text}]`) as readonly Said[])
}

function json(k: number): string {
  return `{"text":"m${k}"}`
}

/** Whole frames. */
function framesIn(bytes: Buffer): { readonly flags: number; readonly text: string }[] {
  const frames: { readonly flags: number; readonly text: string }[] = []
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    if (end > bytes.length) break
    frames.push({ flags: bytes[at]!, text: bytes.toString('utf8', at + 5, end) })
    at = end
  }
  return frames
}
