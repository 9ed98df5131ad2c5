import { staticFields } from './static-table.ts'

/** The static table as lines `name: value` CRLF, from index 1 on. */
export const staticLines: readonly Uint8Array[] = [['', ''] as const, ...staticFields].map(([name, value]) =>
  new TextEncoder().encode(`${name}: ${value}\r\n`),
)

/** Lengths of their names. */
export const staticNameLengths: Uint8Array = Uint8Array.from([0, ...staticFields.map(([name]) => name.length)])
