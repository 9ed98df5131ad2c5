import type { Refusal } from '../protocol/head.ts'
import type { RequestHead } from '../protocol/request.ts'
import type { Body, Source } from './body.ts'

/** What the reader needs of the connection that it reads for. */
export interface RequestLine extends Source {
  readonly limits: { readonly head: number; readonly fields: number }
  takeHead(): RequestHead
  returnHead(head: RequestHead): void
  waitFor(what: 'head' | 'idle' | 'body'): void
  waitForNothing(): void
  pauseSocket(): void
  resumeSocket(): void
  begin(head: RequestHead, body: Body): void
  refuse(refused: Refusal): void
}
