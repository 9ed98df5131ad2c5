/** Bytes that a block takes at most, by the bytes of its names and values and the number of its fields. */
export function blockRoom(bytes: number, fields: number): number {
  return bytes + 12 * fields + 16
}

/** Header blocks of one direction of one session (RFC 7541), written into a buffer of the caller's that has room (`blockRoom`). */
export class HpackEncoder {
  /** Where the block is written, and the offset behind what has been. */
  out: Buffer = Buffer.alloc(0)
  at = 0

  /** What the peer's SETTINGS_HEADER_TABLE_SIZE says, as often as it says so: the next block tells of the change. */
  limitTable(size: number): void {
    void size
  }

  /** Begins a block: what is pending of the table's size is said here. */
  begin(out: Buffer, at: number): void {
    this.out = out
    this.at = at
  }

  /** `:status`, in one byte or five. */
  status(code: number): void {
    void code
  }

  /** A field whose name is one of the static table's (`StaticName`). */
  named(name: number, bytes: Uint8Array, from: number, to: number): void {
    void [name, bytes, from, to]
  }

  /** A field by its bytes; the name is lower-cased. A secret is a literal that nobody may index; credentials are secret unasked. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  field(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, isSecret = false): void {
    void [bytes, nameStart, nameEnd, valueStart, valueEnd, isSecret]
  }

  /** All fields of lines `name: value` CRLF between two offsets: trailers, or lines that edits add. */
  lines(bytes: Uint8Array, from: number, to: number): void {
    void [bytes, from, to]
  }
}
