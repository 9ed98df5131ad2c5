import type { Call, Stage } from '../engine/call.ts'

/** A stage for some calls: the others pass it by. */
export function onlyFor(isFor: (call: Call) => boolean, stage: Stage): Stage {
  return (call, next) => (isFor(call) ? stage(call, next) : next(call))
}
