import type { Block } from './parts.ts'

/** A message of the Messages API. */
export interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: string | readonly Block[]
}

/** Messages as Claude wants them: those of one role that follow each other are one, and none is empty. */
export class Turns {
  private readonly turns: { readonly role: Turn['role']; readonly blocks: Block[] }[] = []

  add(role: Turn['role'], blocks: readonly Block[]): void {
    if (blocks.length === 0) return
    const last = this.turns.at(-1)
    if (last?.role !== role) this.turns.push({ role, blocks: [...blocks] })
    else for (const block of blocks) last.blocks.push(block)
  }

  get isEmpty(): boolean {
    return this.turns.length === 0
  }

  all(): readonly Turn[] {
    return this.turns.map(({ role, blocks }) => ({ role, content: shortest(blocks) }))
  }
}

/** A single text as Claude's short form. */
export function shortest(blocks: readonly Block[]): string | readonly Block[] {
  const [first] = blocks
  return blocks.length === 1 && first?.type === 'text' && typeof first['text'] === 'string' ? first['text'] : blocks
}
