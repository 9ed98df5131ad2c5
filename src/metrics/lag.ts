/** Watches how late timers of this thread come, and tells the worst of each interval. Returns what ends the watch. */
export function watchLag(tell: (ms: number) => void, { intervalMs = 1000, probeMs = 100 } = {}): () => void {
  let worst = 0
  let due = performance.now() + probeMs
  let toldAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    worst = Math.max(worst, now - due)
    due = now + probeMs
    if (now - toldAt < intervalMs) return
    tell(worst)
    worst = 0
    toldAt = now
  }, probeMs).unref()
  return () => clearInterval(timer)
}
