import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RedisPlace } from '../../src/base/redis.ts'

interface Scope {
  teardown(work: () => unknown): unknown
}

/** Starts a redis-server of its own on a free port; it ends with the test. */
export async function redisServer(t: Scope): Promise<RedisPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-redis-'))
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('Ready to accept connections')) break
  child.stdout.resume()
  const mode = { is: 'single', host: '127.0.0.1', port, db: 0 } as const
  return { mode, username: null, password: null, tls: null, prefix: 'relay', timeoutMs: 2000 }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
