import type { Problem } from '../base/errors.ts'

/** The one version of what is said over the control socket; a client that speaks another is told so. */
export const controlVersion = '1'

/** What `relay status` tells about a running relay. */
export interface Status {
  readonly relay: string
  readonly pid: number
  readonly startedAt: string
  readonly phase: Phase
  readonly source: SourceStatus
  readonly snapshot: { readonly version: number; readonly hash: string; readonly committedAt: string }
  /** Why the last reload failed; empty when it did not. */
  readonly lastProblems: readonly Problem[]
  readonly accept: 'handover' | 'reusePort' | 'alone'
  readonly listeners: readonly ListenerStatus[]
  readonly admin: { readonly host: string; readonly port: number } | null
  readonly workers: readonly WorkerStatus[]
  readonly routes: number
  readonly upstreams: number
  /** null: nobody is asked for a key. */
  readonly tenants: { readonly tenants: number; readonly keys: number } | null
  /** null: nothing is written down. */
  readonly ledger: LedgerStatus | null
  /** null: everything is kept in this process. */
  readonly redis: RedisStatus | null
}

/** How the ledger does: `stuck` cannot write for now. Counts are since the start. */
export interface LedgerStatus {
  readonly file: string
  readonly state: 'running' | 'stuck' | 'restarting' | 'closed'
  readonly restarts: number
  /** Calls that were lost and count by their estimates. */
  readonly estimated: number
}

/** How Redis does. Counts are since the start. */
export interface RedisStatus {
  readonly isAway: boolean
  readonly timesAway: number
  /** Nodes that share the limits. */
  readonly nodes: number
  /** What went wrong last; null: nothing since its last answer. */
  readonly lastError: string | null
}

/** Where a relay is in its life. */
export type Phase = 'starting' | 'running' | 'closing' | 'draining' | 'stopped'

/** What a relay was started with. */
export type SourceStatus = { readonly is: 'file'; readonly file: string } | { readonly is: 'flags'; readonly upstream: string }

/** A listener as callers reach it. */
interface ListenerStatus {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** One worker: `restarts` counts how often it had to be replaced. */
export interface WorkerStatus {
  readonly index: number
  readonly state: 'starting' | 'live' | 'restarting' | 'stopped'
  readonly restarts: number
  readonly connections: number
}

/** One route as `relay route list` shows it: no secret, no header value. */
export interface RouteStatus {
  readonly name: string
  /** The name of the route that it is a version of; its own elsewhere. */
  readonly family: string
  readonly host: string | null
  readonly methods: readonly string[] | null
  readonly path: string
  readonly match: 'exact' | 'prefix' | 'template'
  readonly to: string
  readonly upstream: string
  readonly kind: 'claude' | 'http' | 'grpc'
  /** The version of HTTP that is spoken to the upstream. */
  readonly http: 1 | 2
  /** What a call must have besides, in words, one condition each. */
  readonly when: readonly string[]
  /** What calls are refused with; null: they go on. */
  readonly refusal: string | null
  readonly upgrades: readonly string[]
  /** Whose terms are put into the upstream's; null: calls pass as they are. */
  readonly translates: 'json_to_grpc' | 'grpc_to_json' | 'openai' | null
  /** The one gRPC method that answers. */
  readonly method: string | null
  /** Whether relay knows what the gRPC methods are, or waits for the server to say it; null: nobody needs it. */
  readonly descriptors: 'known' | 'awaited' | null
}

/** The routes of the committed version. */
export interface RoutesReply {
  readonly version: number
  readonly hash: string
  readonly routes: readonly RouteStatus[]
}

/** How a reload ended: `unchanged` when the text was the one that runs, `stale` when the file is not the one that was meant. */
export type ReloadOutcome =
  | { readonly is: 'applied'; readonly version: number; readonly hash: string; readonly changed: readonly string[] }
  | { readonly is: 'unchanged'; readonly version: number; readonly hash: string }
  | { readonly is: 'rejected'; readonly version: number; readonly problems: readonly Problem[] }
  | { readonly is: 'stale'; readonly version: number; readonly hash: string }
  | { readonly is: 'refused'; readonly version: number; readonly reason: string }

/** A step of a drain, one JSON line each on the answer of `stop`; `stopped` is the last. */
export type StopStep =
  | { readonly is: 'closing'; readonly delay: number }
  | { readonly is: 'draining'; readonly connections: number; readonly grace: number; readonly streamGrace: number }
  | { readonly is: 'waiting'; readonly connections: number }
  | { readonly is: 'cutting'; readonly connections: number }
  | { readonly is: 'stopped'; readonly exit: 0 | 3; readonly cut: Cut }

/** What a drain had to cut; `unknown` counts workers that ended without saying. */
export interface Cut {
  readonly calls: number
  readonly streams: number
  readonly unknown: number
}
