import { createHash } from 'node:crypto'
import type { RedisClient } from '../../base/redis.ts'

/** The texts of relay's scripts, as plain data: control reads them, workers get them with the rest of their start. */
export interface LuaTexts {
  readonly take: string
  readonly settle: string
  readonly renew: string
  readonly nodes: string
}

/** Runs one script: by its digest, or with its text where the server does not know it (any more). All keys are on one node. */
export type Script = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>

/** A script of this text on this client. */
export function redisScript(client: RedisClient, text: string): Script {
  const digest = createHash('sha1').update(text).digest('hex')
  return async (keys, args) => {
    const key = keys[0] ?? null
    const rest = [keys.length, ...keys, ...args]
    try {
      return await client.command(key, 'EVALSHA', [digest, ...rest])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return client.command(key, 'EVAL', [text, ...rest])
    }
  }
}
