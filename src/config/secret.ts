import { type Findings, type KeyPath, shown } from './findings.ts'
import type { CredentialPlan } from './plan.ts'
import type { UpstreamMapping } from './schema-upstream.ts'
import { readFault, type Sources } from './sources.ts'

type CredentialFile = NonNullable<UpstreamMapping['credential']>

/** What a credential needs besides what is written: what speaks at its upstream, where secrets come from, and where problems go. */
export interface SecretContext {
  readonly kind: 'claude' | 'http' | 'grpc'
  readonly sources: Sources
  readonly found: Findings
}

/** An upstream's credential with its secret; null when there is a problem, which never shows the secret. */
export function readCredential(written: CredentialFile, path: KeyPath, context: SecretContext): CredentialPlan | null {
  const { kind, sources, found } = context
  const secret = readSecret(written, path, context)
  if (secret === undefined) return null
  // OAuth and federation tokens are taken as Bearer only; keys are taken either way, and x-api-key works with every version of the API.
  const isToken = kind === 'claude' && secret.startsWith('sk-ant-oat')
  if (isToken && written.field === 'x-api-key' && sources.live) {
    found.add([...path, 'field'], 'x-api-key cannot carry an OAuth access token', 'write authorization, or leave the field out')
    return null
  }
  return { field: written.field ?? (isToken || kind !== 'claude' ? 'authorization' : 'x-api-key'), secret }
}

/** A secret from the environment or a file; undefined when there is a problem, which never shows it. */
export function readSecret(
  written: { readonly env?: string | undefined; readonly file?: string | undefined },
  path: KeyPath,
  { sources, found }: Pick<SecretContext, 'sources' | 'found'>,
): string | undefined {
  const { env, file } = written
  if ((env === undefined) === (file === undefined)) {
    found.addKey(
      path,
      env === undefined ? 'names no secret' : 'names two secrets',
      'give either env (the name of a variable) or file (a path)',
    )
    return undefined
  }
  const at = [...path, env === undefined ? 'file' : 'env']
  return env === undefined ? secretFromFile(file ?? '', at, { sources, found }) : secretFromEnv(env, at, { sources, found })
}

/** The secret in a file, without the white space around it; undefined when there is a problem. */
export function secretFromFile(
  file: string,
  at: KeyPath,
  { sources, found }: Pick<SecretContext, 'sources' | 'found'>,
): string | undefined {
  try {
    return clean(sources.file(file).trim(), at, found)
  } catch (error) {
    found.add(
      at,
      `cannot read the file ${shown(file)}: ${readFault(error)}`,
      'correct the path (it is relative to the config file), or make the file readable',
    )
    return undefined
  }
}

/** The secret in an environment variable; undefined when there is a problem. */
export function secretFromEnv(name: string, at: KeyPath, { sources, found }: Pick<SecretContext, 'sources' | 'found'>): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    found.add(at, 'is not the name of an environment variable', 'write the name of the variable here, never the secret itself')
    return undefined
  }
  const value = sources.env(name)
  if (value !== undefined && value !== '') return clean(value, at, found)
  found.add(
    at,
    `the environment variable ${shown(name)} is ${value === undefined ? 'not set' : 'empty'}`,
    `set it where relay starts: export ${name}=…`,
  )
  return undefined
}

function clean(secret: string, at: KeyPath, found: Findings): string | undefined {
  if (/^[\u0021-\u007e]+$/.test(secret) && secret.length <= 8192) return secret
  const message =
    secret === ''
      ? 'the secret is empty'
      : secret.length > 8192
        ? 'the secret is longer than 8192 characters'
        : 'the secret holds white space, a control byte or a character outside of ASCII'
  found.add(at, message, 'check how it was written: it must be one line of plain ASCII')
  return undefined
}
