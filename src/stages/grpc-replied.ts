import type { Method, Transcoder } from '../transcode/types.ts'

/** Of which method a reply is. */
export interface RepliedMethod {
  readonly method: Method
  readonly transcoder: Transcoder
  readonly mostMessage: number
}
