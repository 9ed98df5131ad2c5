import pino from 'pino'

import { accessLine, type AccessFields } from './log-access.ts'
import { redacted, redactedText } from './log-redact.ts'
import { lineWriter, longestLine } from './log-writer.ts'

/** How much is logged; `silent`: nothing at all. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What a line says beside its message: plain data, or an `Error` under `error`. */
export type LogFields = Readonly<Record<string, unknown>>

/** The log of one thread: lines of JSON, never a credential, never a wait. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** One line a call, at level `info`. */
  access(call: AccessFields): void
  isEnabled(level: LogLevel): boolean
  /** From now on; calls are logged at `info` and below. */
  setLevel(level: LogLevel): void
  /** Lines that were lost because nobody read them in time. */
  dropped(): number
  /** Ends when all lines are out, or after a second. */
  flush(): Promise<void>
  /** For the last moment of a process: no wait. */
  flushSync(): void
  /** Flushes and ends; what is logged later is dropped. */
  close(): Promise<void>
}

export interface LogOptions {
  readonly level: LogLevel
  /** File descriptor that the lines go to: standard error unless told. */
  readonly fd?: number
  /** Bytes that may wait for a slow reader. */
  readonly capacity?: number
  /** Fields that every line but the access line carries: which worker, say. */
  readonly base?: LogFields
  readonly now?: () => number
}

/** The log of this thread; each thread makes its own on the same descriptor. */
export function logger({ level, fd = 2, capacity = 4 * 1024 * 1024, base = {}, now = Date.now }: LogOptions): Log {
  const writer = lineWriter({ fd, capacity })
  const lines = pino(
    {
      level,
      base,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => writer.write(fitting(line)) },
  )
  let logsCalls = lines.isLevelEnabled('info')
  const flushAtExit = () => writer.flushSync()
  process.on('exit', flushAtExit)

  return {
    debug: (fields, message) => (lines.isLevelEnabled('debug') ? lines.debug(redacted(fields), redactedText(message)) : undefined),
    info: (fields, message) => (logsCalls ? lines.info(redacted(fields), redactedText(message)) : undefined),
    warn: (fields, message) => lines.warn(redacted(fields), redactedText(message)),
    error: (fields, message) => lines.error(redacted(fields), redactedText(message)),
    access: (call) => (logsCalls ? writer.write(accessLine(call, now())) : undefined),
    isEnabled: (asked) => asked !== 'silent' && lines.isLevelEnabled(asked),
    setLevel: (next) => {
      lines.level = next
      logsCalls = lines.isLevelEnabled('info')
    },
    dropped: () => writer.dropped(),
    flush: async () => writer.flush(),
    flushSync: flushAtExit,
    close: async () => {
      process.off('exit', flushAtExit)
      await writer.close()
    },
  }
}

/** A line that is too long for one write is cut text by text, and says so; it stays valid JSON. */
function fitting(line: string): string {
  if (Buffer.byteLength(line) <= longestLine) return line
  const fields: unknown = JSON.parse(line)
  for (const limit of [1000, 200, 40]) {
    const cut = `${JSON.stringify(shortened(fields, limit)).slice(0, -1)},"cut":true}\n`
    if (Buffer.byteLength(cut) <= longestLine) return cut
  }
  return `${JSON.stringify({ ...heading(fields), cut: true })}\n`
}

function shortened(value: unknown, limit: number): unknown {
  if (typeof value === 'string') return value.length > limit ? `${value.slice(0, limit)}…` : value
  if (Array.isArray(value)) return value.slice(0, limit / 4).map((item) => shortened(item, limit))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shortened(field, limit)]))
}

function heading(fields: unknown): object {
  if (typeof fields !== 'object' || fields === null) return {}
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([key]) => key === 'level' || key === 'time' || key === 'msg')
      .map(([key, field]) => [key, shortened(field, 1000)]),
  )
}
