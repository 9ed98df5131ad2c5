/**
 * Parses a JSON text so that its whole numbers come out again as they went in: ids of 64 bits are more than a double can hold, and
 * arguments of tools carry such. Those that would change stand as their own text in what is returned, and are written as that. Throws
 * where it is no JSON.
 */
export function parseExact(text: string): unknown {
  return mayChange.test(text) ? JSON.parse(text, exact as Reviver) : JSON.parse(text)
}

/** Only a number of so many digits, or with such an exponent, can change. */
const mayChange = /\d{16}|[eE]\+?\d{3}/
const whole = /^-?\d+$/

function exact(_name: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value
  return whole.test(source) || !Number.isFinite(value) ? raw.rawJSON(source) : value
}

// The engine has had both for long, and the library's types do not know them yet.
type Reviver = (name: string, value: unknown) => unknown
const raw = JSON as unknown as { rawJSON(text: string): unknown }
