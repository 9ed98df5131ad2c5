/**
 * Preloaded into a relay (`--import`), and with it into each of its threads: its wall clock is off by SKEW_MS; with STEPS it also steps
 * back and forth from one look to the next, by up to as much again.
 */
const skewMs = Number(process.env['SKEW_MS'] ?? 0)
const isStepping = process.env['STEPS'] === 'yes'
const steps = [0, 1, -0.5, 0.25, -1]
const RealDate = Date
let looks = 0

function now(): number {
  return Math.round(RealDate.now() + skewMs + (isStepping ? skewMs * (steps[(looks += 1) % steps.length] ?? 0) : 0))
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: readonly unknown[]) => Reflect.construct(target, args.length === 0 ? [now()] : args) as object,
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})
