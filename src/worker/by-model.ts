import type { Call, Next, Reply, Stage } from '../engine/call.ts'
import { isGrpcType } from '../stages/grpc-head.ts'
import type { PeekBudget } from '../stages/peek-budget.ts'
import { peek } from '../stages/peek.ts'

/** What reading a call's body for its route needs. */
export interface ByModelOptions {
  readonly budget: PeekBudget
  /** Bytes of a body that are looked at. */
  readonly most: number
  /** Goes on where the model is known: null where the call names none. */
  readonly choose: (call: Call, model: string | null) => Promise<Reply>
  /** What becomes of a call that cannot be read: it belongs to no route. */
  readonly failed: (call: Call, error: unknown) => Promise<Reply>
}

/**
 * For calls whose route hangs on the model that they ask for: reads the beginning of the body, which stays as it is, and goes on. Nobody
 * knows yet whose call it is, so that all such calls together hold no more than one tenant may. What was read to its end is not read again.
 */
export function byModel({ budget, most, choose, failed }: ByModelOptions): Next {
  const look: Stage = peek({ budget, most, reads: 'posts', modelOnly: true, owner: 'nobody yet' })
  return async (call) => {
    if (isGrpcType(call.head.fields)) return choose(call, null)
    let isRead = false
    try {
      return await look(call, async (call) => {
        isRead = true
        return choose(call, call.asked?.model ?? null)
      })
    } catch (error) {
      if (isRead) throw error
      return failed(call, error)
    }
  }
}
