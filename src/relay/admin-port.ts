import type { Problem } from '../base/errors.ts'
import { addressText } from '../config/address.ts'
import type { AddressPlan } from '../config/plan.ts'
import { adminServer, type AdminOptions, type AdminServer } from '../metrics/admin.ts'
import { bindProblem } from './bind-problem.ts'
import { same } from './changed.ts'

/** The read-only listener, which a reload may move. */
export interface AdminPort {
  /** Listens where a plan wants it, beside the one that is open. */
  prepare(wanted: AddressPlan | null): Promise<AdminChange>
  /** Where it listens. */
  address(): AddressPlan | null
  close(): Promise<void>
}

interface AdminChange {
  readonly problems: readonly Problem[]
  commit(): Promise<void>
  undo(): Promise<void>
}

interface Open {
  readonly wanted: AddressPlan
  readonly real: AddressPlan
  readonly server: AdminServer
}

export function adminPort(options: AdminOptions): AdminPort {
  let open: Open | null = null
  const replace = async (next: Open | null) => {
    const old = open
    open = next
    if (old !== null && old !== next) await old.server.close()
  }
  return {
    address: () => open?.real ?? null,
    close: () => replace(null),
    prepare: async (wanted) => {
      if (same(open?.wanted ?? null, wanted)) return unchanged
      if (wanted === null) return { ...unchanged, commit: () => replace(null) }
      const server = adminServer(options)
      try {
        const port = await server.listen(wanted.host, wanted.port)
        const next = { wanted, server, real: { host: wanted.host, port } }
        return { problems: [], commit: () => replace(next), undo: () => server.close() }
      } catch (error) {
        return { ...unchanged, problems: [adminProblem(wanted, error)] }
      }
    },
  }
}

const unchanged: AdminChange = { problems: [], commit: async () => undefined, undo: async () => undefined }

function adminProblem(wanted: AddressPlan, error: unknown): Problem {
  const { message } = bindProblem(wanted, error)
  return {
    path: 'admin',
    message,
    remedy: `choose another port than ${addressText(wanted)}: \`admin\` in the config, --admin, or off for none`,
  }
}
