import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Addresses of a host, looked up again from time to time; while a look-up fails the last good answer serves on. */
export interface Resolver {
  /** Known addresses, or a promise of them when there are none yet. */
  addresses(): readonly string[] | Promise<readonly string[]>
}

/** Resolves a host name; an address stands for itself. `everyMs` is the age at which an answer is renewed. */
export function resolver(host: string, everyMs: number, look: LookUp = systemLookUp): Resolver {
  if (isIP(host) !== 0) {
    const fixed = [host]
    return { addresses: () => fixed }
  }
  let known: readonly string[] = []
  let renewAt = 0
  let pending: Promise<readonly string[]> | null = null

  const renew = async (): Promise<readonly string[]> => {
    try {
      const found = await look(host)
      if (found.length > 0) known = found
    } finally {
      renewAt = performance.now() + (known.length > 0 ? everyMs : 1000)
      pending = null
    }
    return known
  }
  return {
    // oxlint-disable-next-line promise-function-async -- a known answer must not cost a turn of the microtask queue
    addresses() {
      if (pending === null && performance.now() >= renewAt) {
        pending = renew()
        // The last good answer serves while a renewal fails; without one the waiting call sees the failure itself.
        pending.catch(() => {})
      }
      return known.length > 0 || pending === null ? known : pending
    },
  }
}

/** How names become addresses: the system's way, or a test's. */
export type LookUp = (host: string) => Promise<readonly string[]>

async function systemLookUp(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return [...new Set(found.map((one) => one.address))]
}
