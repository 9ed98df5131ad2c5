import type { PeekBudget } from './peek-budget.ts'

/** What is read of bodies, and how much of them. */
export interface PeekOptions {
  readonly budget: PeekBudget
  /** `messages`: of what the Claude API names a model in; `posts`: of every POST. */
  readonly reads: 'messages' | 'posts'
  /** Only until the model is known. */
  readonly modelOnly?: boolean
  /** Whom the bytes count for; the call's tenant unless told. */
  readonly owner?: string | null
  /** Not only until model and `max_tokens` are known, but to the end where the bound allows it. */
  readonly wantsWhole?: boolean
  /** Bytes of a body that are held for reading, at most 32 MiB; 1 MiB unless told. */
  readonly most?: number
  /** Bytes that a coded body may become; they are read, not held. */
  readonly mostDecoded?: number
}

/** The options with their defaults. */
export type PeekRules = Required<PeekOptions>
