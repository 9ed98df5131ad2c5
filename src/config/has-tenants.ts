import type { ConfigFile } from './schema.ts'

/** Whether a config asks callers for keys. An empty `tenants` does: whoever takes the last tenant away does not mean to let everybody in. */
export function hasTenants({ config }: { readonly config: Pick<ConfigFile, 'tenants' | 'tenantsFrom'> }): boolean {
  return config.tenants !== undefined || config.tenantsFrom !== undefined
}
