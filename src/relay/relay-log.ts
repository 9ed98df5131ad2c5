import { logger, type Log, type LogLevel } from '../base/log.ts'

/** Control's log, whose level a reload may change. */
export interface RelayLog extends Log {
  setLevel(level: LogLevel): void
}

export function relayLog(first: LogLevel): RelayLog {
  let level = first
  let log = logger({ level })
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    access: (call) => log.access(call),
    isEnabled: (asked) => log.isEnabled(asked),
    dropped: () => log.dropped(),
    flush: () => log.flush(),
    flushSync: () => log.flushSync(),
    close: () => log.close(),
    setLevel: (next) => {
      if (next === level) return
      const old = log
      level = next
      log = logger({ level })
      // Its last lines go out on their own; closing waits a second at most.
      void old.close()
    },
  }
}
