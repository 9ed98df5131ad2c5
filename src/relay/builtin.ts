import { fakeClaude, type FakeClaude } from '../claude/fake/fake.ts'

/** The fake Claude behind `builtin:claude`: started when the first plan needs it, and kept until relay ends. */
export interface BuiltinFake {
  address(): Promise<{ readonly host: string; readonly port: number }>
  close(): Promise<void>
}

/** One fake serves every version: calls in flight on an old one still need it. */
export function builtinFake(): BuiltinFake {
  const host = '127.0.0.1'
  let running: { readonly fake: FakeClaude; readonly port: number } | null = null
  return {
    address: async () => {
      if (running === null) {
        const fake = fakeClaude()
        running = { fake, ...(await fake.listen({ host, port: 0 })) }
      }
      return { host, port: running.port }
    },
    close: async () => running?.fake.close(),
  }
}
