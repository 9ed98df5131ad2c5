/** Where Redis is, as plain data. Secrets stand in it: it is never logged or shown. */
export interface RedisPlace {
  readonly mode:
    | { readonly is: 'single'; readonly host: string; readonly port: number; readonly db: number }
    | { readonly is: 'sentinel'; readonly name: string; readonly nodes: readonly HostPort[]; readonly db: number }
    | { readonly is: 'cluster'; readonly nodes: readonly HostPort[] }
  readonly username: string | null
  readonly password: string | null
  /** Verified TLS; `ca`: extra authorities (PEM text). null: in the clear. */
  readonly tls: { readonly ca: string | null } | null
  /** First part of every key. */
  readonly prefix: string
  /** ms that a command may take. */
  readonly timeoutMs: number
}

/** An address of Redis. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** One connection to Redis as those need it who keep their own state there; every command ends by the place's timeout. */
export interface RedisClient {
  /** A command and its arguments; a Cluster finds the node by `key`. Rejects when Redis is away, at once when it is known to be. */
  command(key: string | null, name: string, args: readonly (string | number | Buffer)[]): Promise<unknown>
  /** A command that may wait by itself (XREAD BLOCK), on a connection of its own. */
  blocking(key: string | null, name: string, args: readonly (string | number | Buffer)[], timeoutMs: number): Promise<unknown>
  /** Whether it is away: probed in the background until it is back. */
  readonly isAway: boolean
  /** Told when it goes and when it comes back. */
  onChange(listener: (isAway: boolean) => void): void
  close(): Promise<void>
}
