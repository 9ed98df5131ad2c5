import { createServer, type Server } from 'node:net'

/**
 * Keeps an address for one relay. With `reusePort` the kernel lets a second process share a port without a word, and between the
 * look and the first `listen` two starts could both find it free. A name in Linux's abstract socket space belongs to one process,
 * goes with it, and has the same reach as a port (the network namespace).
 */
export interface PortGuard {
  release(): void
}

/** Takes the name of an address; null when another relay holds it. */
export async function portGuard(host: string, port: number): Promise<PortGuard | null> {
  if (process.platform !== 'linux') return { release: () => undefined }
  const server = createServer((socket) => socket.destroy())
  return (await takes(server, `\0relay-listener-${host}-${port}`)) ? { release: () => server.close() } : null
}

async function takes(server: Server, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(name, () => resolve(true))
  })
}
