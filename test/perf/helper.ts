import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { start, type Started } from './processes.ts'
import type { Asked, Said } from './serve.ts'

/** A load or an upstream of ours, in a process and on a core of its own. */
export interface Helper {
  readonly process: Started
  /** Asks for one of its deeds and waits for what it says. */
  ask<Answer>(deed: string, ...args: readonly unknown[]): Promise<Answer>
}

/** Starts a file of this folder on a core. Young memory is large, so that its own collections do not show as latency. */
export function helper(file: string, core: number): Helper {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const command = [process.execPath, '--max-semi-space-size=64', path] as const
  const started = start({ name: file, cores: [core], command, output: 'ipc' })
  return {
    process: started,
    async ask<Answer>(deed: string, ...args: readonly unknown[]): Promise<Answer> {
      const asked: Asked = { deed, args }
      const ended = new AbortController()
      started.child.send(asked)
      const gone = once(started.child, 'exit', { signal: ended.signal }).then(() => {
        throw new Error(`${file} has ended\n${started.log()}`)
      })
      const heard = once(started.child, 'message', { signal: ended.signal })
      // One question at a time, so the next message is its answer; the helper and its caller agree on the type.
      const [said] = (await Promise.race([heard, gone])) as [Said]
      ended.abort()
      if ('error' in said) throw new Error(`${file}: ${said.error}`)
      return said.value as Answer
    },
  }
}
