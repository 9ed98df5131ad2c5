import { Client, type Dispatcher } from 'undici'
import { controlVersion, type ReloadOutcome, type RoutesReply, type Status, type StopStep } from './api.ts'

/** Asks a running relay through its control socket. */
export interface ControlClient {
  status(): Promise<Status>
  routes(): Promise<RoutesReply>
  /** `expect`: the hash that the file must have for the reload to be applied. */
  reload(expect?: string): Promise<ReloadOutcome>
  stop(now: boolean, told: (step: StopStep) => void): Promise<void>
  close(): Promise<void>
}

/** No relay listens on the control socket. */
export class NoRelayError extends Error {
  constructor(where: string, cause?: unknown) {
    super(`no relay is running ${where}`, { cause })
    this.name = 'NoRelayError'
  }
}

type Method = 'GET' | 'POST'

/** A client of the control socket at `path`; nothing is opened before the first question. */
export function controlClient(path: string): ControlClient {
  const client = new Client('http://relay', { socketPath: path, allowH2: false, connect: { timeout: 2000 } })
  const ask = (method: Method, target: string, options: AskOptions = {}) => request(client, path, { method, path: target, ...options })
  return {
    status: async () => json<Status>(await ask('GET', '/status')),
    routes: async () => json<RoutesReply>(await ask('GET', '/routes')),
    reload: async (expect) => {
      const headers = expect === undefined ? {} : { 'if-match': `"${expect}"` }
      return json<ReloadOutcome>(await ask('POST', '/reload', { headers, headersTimeout: 90_000 }))
    },
    stop: async (now, told) => {
      // Each second of a drain has its line, so half a minute without one means that the relay hangs.
      const reply = await ask('POST', now ? '/stop?now=true' : '/stop', { bodyTimeout: 30_000 })
      await lines(reply, (line) => told(line as StopStep))
    },
    close: async () => client.destroy(),
  }
}

interface AskOptions {
  readonly headers?: Record<string, string>
  readonly headersTimeout?: number
  readonly bodyTimeout?: number
}

async function request(client: Client, path: string, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
  try {
    const reply = await client.request({ headersTimeout: 10_000, bodyTimeout: 10_000, ...options })
    const spoken = reply.headers['relay-control']
    if (spoken !== controlVersion) throw new Error(`${path} is not the control socket of this version of relay`)
    return reply
  } catch (error) {
    if (isAbsent(error)) throw new NoRelayError(`at ${path}`, error)
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}

/** The server is relay itself, of the same control version: its answers have the shape that `api.ts` says. */
async function json<Shape>(reply: Dispatcher.ResponseData): Promise<Shape> {
  const value: unknown = await reply.body.json()
  if (typeof value === 'object' && value !== null && 'error' in value) throw new Error(String(value.error))
  return value as Shape
}

async function lines(reply: Dispatcher.ResponseData, told: (line: unknown) => void): Promise<void> {
  let rest = ''
  reply.body.setEncoding('utf8')
  for await (const chunk of reply.body) {
    const parts = `${rest}${String(chunk)}`.split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) told(JSON.parse(part))
  }
}
