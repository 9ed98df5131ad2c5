import type { FieldLines } from './field-lines.ts'

/** What a decoder holds its peer to. */
export interface HpackDecoderOptions {
  /** What our SETTINGS_HEADER_TABLE_SIZE says. */
  readonly tableSize?: number
  /** What our SETTINGS_MAX_HEADER_LIST_SIZE says: bytes of names and values, and 32 a field. */
  readonly listSize: number
  /** Fields of one section. */
  readonly fields: number
}

/** Header blocks of one direction of one session, in their order, as lines (RFC 7541). */
export class HpackDecoder {
  constructor(options: HpackDecoderOptions) {
    void options
  }

  /** Decodes a whole block into lines, which are cleared first: null, or what is a COMPRESSION_ERROR and ends the session. */
  decode(block: Uint8Array, from: number, to: number, lines: FieldLines): string | null {
    void [block, from, to, lines]
    return 'not written yet'
  }
}
