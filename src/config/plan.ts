import type { Limit } from '../base/limit.ts'
import type { RedisPlace } from '../base/redis.ts'
import type { Price } from '../ledger/price.ts'
import type { EstimatePlan, LedgerPlan, TenancyPlan } from './plan-accounts.ts'
import type { DescriptorsPlan, TranslatePlan, WhenPlan } from './plan-translate.ts'

/**
 * The plan: a configuration after validation, as plain data (structured-clonable) with every default filled in.
 * Control makes it, workers compile it into a snapshot. Durations are milliseconds, sizes are bytes.
 */
export interface Plan {
  readonly listeners: readonly ListenerPlan[]
  /** The read-only listener (metrics, health); null: none. */
  readonly admin: AddressPlan | null
  readonly workers: number
  readonly accept: 'handover' | 'reusePort'
  /** CIDR blocks of peers whose forwarded headers are believed. */
  readonly trustedProxies: readonly string[]
  readonly bounds: BoundsPlan
  readonly timeouts: CallerTimeoutsPlan
  readonly drain: DrainPlan
  readonly log: LogPlan
  readonly upstreams: readonly UpstreamPlan[]
  readonly routes: readonly RoutePlan[]
  /** Set when an injected credential is served to whoever calls: on routes that ask for no tenant's key, Host is checked and foreign Origins are refused. */
  readonly guard: GuardPlan | null
  /** Who may call; null: nobody is asked for a key. */
  readonly tenancy: TenancyPlan | null
  /** Limits of every call, whether tenants are asked for or not (`per: tenant` and `per: business` need tenants). */
  readonly limits: readonly Limit[]
  /** Where buckets are kept: `memory` is this process's shared memory. */
  readonly limitStore: 'memory' | 'redis'
  readonly redis: RedisPlace | null
  /** Node count that `local` divides by until heartbeats have told it. */
  readonly nodes: number
  readonly estimate: EstimatePlan
  readonly shed: ShedPlan
  /** null: nothing is written down. */
  readonly ledger: LedgerPlan | null
  /** By model, aliases worked in. */
  readonly prices: Readonly<Record<string, Price>>
}

/** When new calls are refused (503) for the worker's own sake. */
export interface ShedPlan {
  /** ms that the event loop may be late; null: never for that. */
  readonly lagMs: number | null
  /** Part of the heap's limit, 0 to 1; null: never for that. */
  readonly heap: number | null
}

export interface AddressPlan {
  /** A numeric address (`localhost` has become 127.0.0.1, nothing before the colon 0.0.0.0); IPv6 without brackets. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

export interface ListenerPlan extends AddressPlan {
  /** Whole paths of the certificate chain and its key (PEM); null: in the clear. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** Whether HTTP/2 is spoken here: by ALPN over TLS, by prior knowledge in the clear. */
  readonly http2: boolean
}

/** Bounds on what a caller may send and hold. */
export interface BoundsPlan {
  /** Bytes of a request head, request line included; beyond: 431 (414 when the request line alone is too long). */
  readonly head: number
  /** Header fields in a head; beyond: 431. */
  readonly fields: number
  /** Bytes of a request body outside of Claude's endpoints; beyond: 413. */
  readonly body: number
  /** Bytes of a Claude call's body in which its model and max_tokens are looked for. */
  readonly peek: number
  /** Open connections a process; beyond: closed at once. */
  readonly connections: number
  /** Calls at once on one HTTP/2 connection. */
  readonly streams: number
}

/** Waits on the caller's side, in ms. */
export interface CallerTimeoutsPlan {
  /** From the first byte of a head to its last. */
  readonly head: number
  /** Between two calls of a connection. */
  readonly idle: number
  /** Between two reads of a request body. */
  readonly body: number
  /** A reader that takes nothing while bytes wait for it. */
  readonly write: number
}

export interface DrainPlan {
  readonly delay: number
  readonly grace: number
  readonly streamGrace: number
}

export interface LogPlan {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** One line a call. */
  readonly access: boolean
}

export interface UpstreamPlan {
  readonly name: string
  readonly kind: 'claude' | 'http' | 'grpc'
  /** The version that is spoken to it: pinned, never negotiated down. */
  readonly http: 1 | 2
  /** What its gRPC methods are; null: not known, or no gRPC. */
  readonly descriptors: DescriptorsPlan | null
  /** `builtin:claude` stands for relay's own fake; control replaces it by the address it listens on before a plan goes to workers. */
  readonly builtin: boolean
  readonly tls: boolean
  /** Host name or address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path that stands before every forwarded path, without a trailing slash ('' when there is none). */
  readonly path: string
  /** Extra certificate authorities (PEM text); verification is never switched off. */
  readonly ca: string | null
  readonly pool: PoolPlan
  readonly timeouts: UpstreamTimeoutsPlan
  /** The upstream's own credential; null when callers' pass. Never logged, never in `config show`. */
  readonly credential: CredentialPlan | null
  /** Whether `X-Forwarded-*` and `Via` are added (off by default towards Claude upstreams). */
  readonly forwarded: boolean
}

export interface CredentialPlan {
  /** Field that carries it: `x-api-key` or `authorization` (`Bearer ` is put before the secret). */
  readonly field: 'x-api-key' | 'authorization'
  readonly secret: string
}

export interface PoolPlan {
  /** Calls at once on one connection, HTTP/2 only; what the server allows if that is less. */
  readonly streams: number
  /** Connections an origin and worker. */
  readonly connections: number
  /** Calls that may wait for one; beyond: 503. */
  readonly waiting: number
  /** ms a call may wait for a connection. */
  readonly waitTimeout: number
  /** ms an unused connection is kept when the server gives no hint. */
  readonly idle: number
  /** ms between two DNS look-ups of an origin. */
  readonly resolve: number
}

/** Waits on the upstream's side, in ms. */
export interface UpstreamTimeoutsPlan {
  readonly connect: number
  /** From the request's last byte to the reply's head; on Claude upstreams the caller's `x-stainless-timeout` + 10% decides where it is sent. */
  readonly firstByte: number
  /** Between two reads of a reply's body. */
  readonly idle: number
}

/**
 * What a route matches. No path but an exact one ends with a slash (`/` aside), and none holds dot segments, `//`, a query or a fragment.
 * The most specific route of all that match wins: a host given before none; then an exact path before a prefix that is all of the path,
 * before a template (more literal segments first, of as many the one whose literal comes first from the left), before a shorter prefix (the
 * longest first); then methods given before none; then conditions (`when` below). Two routes that this leaves undecided are never in one plan.
 */
export type PathPlan =
  | { readonly is: 'exact'; readonly path: string }
  /** Matches itself and all below it, up to a segment's end. `/` matches everything. */
  | { readonly is: 'prefix'; readonly path: string }
  /** `/v1/users/{id}/posts`: a variable is one whole segment. */
  | { readonly is: 'template'; readonly template: string }

export interface RoutePlan {
  /** The key in the file without a slash before or behind it (`/` stays), and of a version its name (`user@v2`), unique: the label in metrics, logs and the CLI. */
  readonly name: string
  /** What limits and tenants know it by: its name, without the version where it has one (`user` of `user@v2`). */
  readonly family: string
  /** Lower case, without port and brackets; null: any. */
  readonly host: string | null
  /** As on the wire, without doubles; null: any. */
  readonly methods: readonly string[] | null
  readonly path: PathPlan
  /** What a call must have besides; null: nothing. Of routes with the same host, path and methods the one with more conditions is tried first, of as many the one that stands first in the plan. */
  readonly when: WhenPlan | null
  /** Calls are answered with 400 and this; null: they go on. */
  readonly refusal: string | null
  readonly upstream: string
  /**
   * What goes out in place of the matched path: for `prefix`, replaces the prefix (for `/` nothing is replaced) and what follows is appended,
   * so it never ends with a slash, and '' takes the prefix away; for `exact` and `template`, the whole path (`{variable}` filled in).
   * null: the path as it came. The upstream's own `path` stands before it; should all of it be '', a `/` goes out.
   */
  readonly rewrite: string | null
  readonly credential: 'pass' | 'replace'
  readonly requestHeaders: readonly HeaderRulePlan[]
  readonly replyHeaders: readonly HeaderRulePlan[]
  /** Overrides of the upstream's timeouts; null: the upstream's own. */
  readonly timeouts: { readonly firstByte: number | null; readonly idle: number | null }
  /** Bytes of a request body; null: by endpoint on Claude upstreams, `bounds.body` elsewhere. */
  readonly bodyLimit: number | null
  /** ms of silence after which an `event: ping` goes into an SSE reply; null: never. */
  readonly ping: number | null
  /** Claude upstreams: `identity` asks for an uncoded reply, `pass` keeps the caller's `accept-encoding`. */
  readonly compression: 'identity' | 'pass'
  /** Whether a tenant's key is asked for (where there are tenants). */
  readonly authenticate: boolean
  /** Limits of this route alone: its name stands in their `routes`, and `route` in their `per`. */
  readonly limits: readonly Limit[]
  /** Calls that a limit refuses for a while wait here; null: they are refused at once. */
  readonly queue: { readonly size: number; readonly timeoutMs: number } | null
  /** When the caller leaves: stop the upstream, or read its reply to the end for what it used. */
  readonly onLeave: 'cancel' | 'drain'
  /** What the input of a call is estimated by before it goes out. */
  readonly estimateInput: 'size' | 'count_tokens'
  /** Protocols, in lower case, that a caller may go on with behind a 101 (`websocket`). */
  readonly upgrades: readonly string[]
  /** What callers say is put into the upstream's terms; null: passed as it is. */
  readonly translate: TranslatePlan | null
}

/** One change to a head. The value is a parsed template: plain text and variables in turn. */
export type HeaderRulePlan =
  | { readonly op: 'set' | 'add'; readonly name: string; readonly value: readonly TemplatePart[] }
  | { readonly op: 'remove'; readonly name: string }

/** `${env:…}` and `${file:…}` are resolved into text when the config loads. */
export type TemplatePart = { readonly text: string } | { readonly variable: TemplateVariable }
export type TemplateVariable = 'request.id' | 'route' | 'client.address' | 'now' | 'method' | 'path'

export interface GuardPlan {
  /** Hosts (without port, lower case) that a `Host` field may name, and the only origins a browser may call from. */
  readonly hosts: readonly string[]
}
