import { Anthropic } from '@anthropic-ai/sdk'
import { Anthropic as Anthropic0 } from 'anthropic-sdk-0'
import type { Test } from 'tap'
import { fakeClaude } from '../../src/claude/fake/fake.ts'

/** Both official SDKs: what they share is used through the newer one's types. */
export const sdks: readonly (readonly [string, typeof Anthropic])[] = [
  ['SDK 1.x', Anthropic],
  ['SDK 0.x', Anthropic0 as unknown as typeof Anthropic],
]

export interface World {
  readonly url: string
  readonly port: number
  /** Posts a message with plain fetch. */
  readonly post: (text: string, body?: object, headers?: Record<string, string>) => Promise<Response>
  readonly client: (sdk: typeof Anthropic, options?: object) => Anthropic
}

/** A fake that listens until the test ends. */
export async function world(t: Test): Promise<World> {
  const fake = fakeClaude()
  const { port } = await fake.listen()
  t.teardown(() => fake.close())
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    post: (text, body = {}, headers = {}) =>
      fetch(`${url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': 'sk-test', 'anthropic-version': '2023-06-01', 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ ...ask(text), ...body }),
      }),
    client: (sdk, options = {}) => new sdk({ apiKey: 'sk-test', baseURL: url, maxRetries: 0, ...options }),
  }
}

/** The body of a simple message. */
export function ask(text: string): { model: string; max_tokens: number; messages: { role: 'user'; content: string }[] } {
  return { model: 'claude-opus-5-5', max_tokens: 1_000, messages: [{ role: 'user', content: text }] }
}

/** Bytes in two pieces, cut at each place in turn; and last, byte by byte. */
export function* everyCut(bytes: Buffer): Generator<readonly Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield [...bytes].map((byte) => Buffer.from([byte]))
}
