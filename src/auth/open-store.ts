import type { RedisClient } from '../base/redis.ts'
import { redisStore } from './redis-store.ts'
import { sqliteStore } from './sqlite-store.ts'
import type { StoreOptions } from './store-parts.ts'
import type { TenantStore } from './tenant.ts'

/** Where tenants are kept, opened as far as others have to open it. */
export type StorePlace =
  | { readonly is: 'sqlite'; readonly file: string }
  | { readonly is: 'redis'; readonly client: RedisClient; readonly prefix: string }

/** The store at a place. */
export function openStore(place: StorePlace, options: StoreOptions = {}): TenantStore {
  switch (place.is) {
    case 'sqlite':
      return sqliteStore({ file: place.file, ...options })
    case 'redis':
      return redisStore({ client: place.client, prefix: place.prefix, ...options })
  }
}
