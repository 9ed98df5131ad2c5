import { RelayError } from '../base/errors.ts'
import type { Tenant } from '../base/tenant.ts'
import { directoryReader } from './directory.ts'
import { digestOf, looksLikeKey } from './keys.ts'
import { recent } from '../base/recent.ts'
import type { Tenants } from './tenants.ts'

/** The tenants of a worker, and how it hears that the directory has moved. */
export interface WorkerTenants extends Tenants {
  useDirectory(memory: SharedArrayBuffer): void
}

export interface WorkerTenantsOptions {
  readonly memory: SharedArrayBuffer
  /** Asks control for the tenant with this id. */
  readonly ask: (id: number) => Promise<Tenant | null>
  /** Records that are kept. */
  readonly most?: number
}

/** What is kept of a tenant: null is kept too, so that control is not asked again for one that it does not let in. */
interface Kept {
  readonly generation: number
  readonly tenant: Tenant | null
}

/** A question that waits for its answer, and the generation that it was asked in. */
interface Asked {
  readonly generation: number
  readonly answer: Promise<Tenant | null>
}

// Each time the tenant changed again while control was asked: more than a few in a row are not to be expected.
const mostAsks = 4

/** Finds tenants in the shared directory and keeps those that were asked for lately; control is asked once for many calls. */
export function workerTenants({ memory, ask, most = 4096 }: WorkerTenantsOptions): WorkerTenants {
  const directory = directoryReader(memory)
  const kept = recent<number, Kept>(most)
  const asked = new Map<number, Asked>()

  // A question from before a change may be answered by what was before it: nobody who has seen the change waits for that.
  const askOnce = (id: number, generation: number): Promise<Tenant | null> => {
    const waiting = asked.get(id)
    if (waiting?.generation === generation) return waiting.answer
    const one: Asked = { generation, answer: ask(id).finally(() => asked.get(id) === one && asked.delete(id)) }
    asked.set(id, one)
    return one.answer
  }
  // An id may be another tenant's by the time the answer comes: the key is looked up again, and the answer has to be of now.
  const askFor = async (digest: string): Promise<Tenant | null> => {
    for (let asks = 0; asks < mostAsks; asks++) {
      const id = directory.find(digest)
      if (id === -1) return null
      const generation = directory.generation(id)
      const tenant = await askOnce(id, generation)
      const isOfNow = directory.generation(id) === generation && (tenant === null || tenant.generation === generation)
      if (directory.find(digest) !== id || !isOfNow) continue
      kept.set(id, { generation, tenant })
      return tenant
    }
    throw new RelayError('unavailable', 'the tenant of this key is changing', { retryAfterMs: 1000 })
  }
  return {
    find: (key) => {
      if (!looksLikeKey(key)) return null
      const digest = digestOf(key)
      const id = directory.find(digest)
      if (id === -1) return null
      const one = kept.get(id)
      return one !== undefined && one.generation === directory.generation(id) ? one.tenant : askFor(digest)
    },
    useDirectory: (next) => directory.use(next),
  }
}
