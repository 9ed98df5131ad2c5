/** What signals ask of a relay. */
export interface Signalled {
  /** `delay` null: as configured; called once. */
  readonly stop: (delay: number | null) => void
  readonly cut: () => void
  readonly reload: () => void
}

/** SIGTERM drains as configured, SIGINT without the delay, a second one of either cuts; SIGHUP reloads. Returns the way back. */
export function onSignals({ stop, cut, reload }: Signalled): () => void {
  let stopping = false
  const stopWith = (delay: number | null) => () => {
    if (stopping) return cut()
    stopping = true
    stop(delay)
  }
  const heard: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', stopWith(null)],
    ['SIGINT', stopWith(0)],
    ['SIGHUP', reload],
  ]
  for (const [signal, listener] of heard) process.on(signal, listener)
  return () => {
    for (const [signal, listener] of heard) process.off(signal, listener)
  }
}
