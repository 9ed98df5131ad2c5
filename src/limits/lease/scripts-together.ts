import type { Script } from '../redis/scripts.ts'

/** What one bucket's operation says to the script: three keys, fourteen arguments, and the hash tag of its keys. */
export interface ScriptPart {
  readonly tag: string
  readonly keys: readonly string[]
  readonly args: readonly (string | number)[]
}

/** Runs the lease script for many buckets. */
export interface ScriptsTogether {
  /** The integers of this bucket; rejects where no answer came. */
  run(part: ScriptPart): Promise<readonly number[]>
  /** Scripts sent so far. */
  readonly sent: number
}

interface Waiting {
  readonly part: ScriptPart
  readonly resolve: (integers: readonly number[]) => void
  readonly reject: (error: unknown) => void
}

/** Buckets of one script: as many as the script takes. */
const most = 16
/** Integers that the script answers for a bucket. */
const integersEach = 7

/**
 * What one turn of the event loop has to ask of buckets with one hash tag travels in one script: the limits of a call are asked for
 * together, and renewed together.
 */
export function scriptsTogether(script: Script): ScriptsTogether {
  // By hash tag: emptied with the turn that fills it.
  const waiting = new Map<string, Waiting[]>()
  let sent = 0

  function flush(): void {
    const groups = [...waiting.values()]
    waiting.clear()
    for (const group of groups) for (let at = 0; at < group.length; at += most) void send(group.slice(at, at + most))
  }

  async function send(group: readonly Waiting[]): Promise<void> {
    sent += 1
    try {
      const parts = group.map(({ part }) => part)
      const reply = integers(
        await script(
          parts.flatMap(({ keys }) => keys),
          parts.flatMap(({ args }) => args),
        ),
      )
      for (const [at, { resolve }] of group.entries()) resolve(reply.slice(at * integersEach, (at + 1) * integersEach))
    } catch (error) {
      // One bucket's arguments, which the script would not have, are not the others' fault: nothing has changed, each is asked alone.
      if (group.length > 1 && isRefusal(error)) for (const one of group) void send([one])
      else for (const { reject } of group) reject(error)
    }
  }

  return {
    run: async (part) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
      if (waiting.size === 0) queueMicrotask(flush)
      const one = { part, resolve, reject }
      const group = waiting.get(part.tag)
      if (group === undefined) waiting.set(part.tag, [one])
      else group.push(one)
      return promise
    },
    get sent() {
      return sent
    },
  }
}

/** Whether the script would not have its arguments: nothing has changed then. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('ERR relay')
}

function integers(reply: unknown): readonly number[] {
  if (Array.isArray(reply) && reply.every((value) => typeof value === 'number')) return reply
  throw new Error(`redis answered the lease script with ${typeof reply} in place of integers`)
}
