import { createConnection, type Server } from 'node:net'
import { unlinkSync } from 'node:fs'
import { lock } from 'proper-lockfile'
import { ConfigError } from '../base/errors.ts'

/**
 * Puts a server on a socket path of its own. A socket whose relay is gone is removed first; one whose relay answers is an error.
 * The look and the removal stand under a lock, so that of two starts at once one wins and the other is told.
 */
export async function claimSocket(server: Server, path: string): Promise<void> {
  const release = await lockPath(path)
  try {
    await claim(server, path)
  } finally {
    await release()
  }
}

async function claim(server: Server, path: string): Promise<void> {
  const first = await listen(server, path)
  if (first === null) return
  if (first.code !== 'EADDRINUSE') throw cannot(path, first)
  if (await answers(path)) throw taken(path)
  unlinkSync(path)
  const second = await listen(server, path)
  if (second !== null) throw cannot(path, second)
}

/** Locks are taken over after 10 s, since a start that died in between never gives its own back. */
async function lockPath(path: string): Promise<() => Promise<void>> {
  try {
    return await lock(path, { realpath: false, stale: 10_000, retries: { retries: 40, minTimeout: 50, maxTimeout: 500 } })
  } catch (error) {
    throw cannot(path, error)
  }
}

async function listen(server: Server, path: string): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error)
    server.once('error', failed)
    // A unix socket is bound inside of `listen`, so the mask holds from the moment the file exists: mode 0600, never more.
    const mask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', failed)
        resolve(null)
      })
    } finally {
      process.umask(mask)
    }
  })
}

/** Whether somebody accepts on a socket; a second is plenty on one machine, and silence counts as life. */
async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const done = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.setTimeout(1000, () => done(true))
    socket.once('connect', () => done(true))
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  })
}

function taken(path: string): ConfigError {
  return new ConfigError([
    { path: 'control', message: `a relay runs already with this configuration (${path})`, remedy: 'stop it with: relay stop' },
  ])
}

function cannot(path: string, error: unknown): ConfigError {
  const why = error instanceof Error ? error.message : String(error)
  const remedy = 'set RELAY_CONTROL or --control to a path that can be written'
  return new ConfigError([{ path: 'control', message: `the control socket ${path} cannot be made: ${why}`, remedy }])
}
