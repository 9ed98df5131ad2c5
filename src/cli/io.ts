import { createInterface } from 'node:readline/promises'

/** The world around a command: what it reads, and where it writes. */
export interface Io {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** For people, or for programs with --json. */
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Asks the person at the terminal; null when there is none. */
  readonly ask: ((question: string) => Promise<string>) | null
}

/** The process's own. */
export function processIo(): Io {
  const { stdin, stdout, stderr } = process
  // A reader that went away (`relay route list | head -1`) is no error of ours.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined)
  return {
    env: process.env,
    cwd: process.cwd(),
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ask: stdin.isTTY && stdout.isTTY ? ask : null,
  }
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
