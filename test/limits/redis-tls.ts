import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfSigned } from '../helpers/certificate.ts'
import { redisServer, type RedisServer, type Scope } from '../helpers/redis.ts'

/** A server that speaks TLS alone and asks for a password; `ca` is the authority of its certificate. */
export async function tlsServer(t: Scope, password: string): Promise<RedisServer & { readonly ca: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-redis-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { cert, key } = selfSigned('localhost')
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
  const tls = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile, '--tls-auth-clients', 'no']
  return { ...(await redisServer(t, { isTls: true, args: [...tls, '--requirepass', password] })), ca: cert }
}
