import { RelayError } from '../../src/base/errors.ts'
import type { Tenant } from '../../src/base/tenant.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call, type Next, type Stage } from '../../src/engine/call.ts'

/** A tenant that may do everything, but for what is said. */
export function tenantOf(changes: Partial<Tenant> = {}): Tenant {
  return {
    id: 1,
    generation: 1,
    name: 'search',
    business: 'shop',
    priority: 5,
    routes: null,
    models: null,
    limits: [],
    slot: 1,
    businessSlot: 1,
    ...changes,
  }
}

/** What became of a call: its status, or the failure that it met. */
export interface Outcome {
  readonly status: number
  readonly error: RelayError | null
}

/** Runs a call through a stage to an origin that answers 200; a bug goes on. */
export async function outcomeOf(
  stage: Stage,
  call: Call,
  next: Next = async () => new Reply(200, null, Body.of(nothing)),
): Promise<Outcome> {
  try {
    return { status: (await stage(call, next)).status, error: null }
  } catch (error) {
    if (error instanceof RelayError) return { status: 0, error }
    throw error
  }
}

const nothing = Buffer.alloc(0)
