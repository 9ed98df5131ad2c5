/**
 * The belt: nothing that relay logs should hold a credential, and if something does, it does not reach the line. Fields are
 * judged by their names, texts by the shapes of known credentials. The access line does not come through here: its fields are
 * a closed list, none of them a credential.
 */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactedText(value)
  if (value instanceof Error) return plainError(value, depth)
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= deepest) return '[deep]'
  if (Array.isArray(value)) return value.slice(0, widest).map((item) => redacted(item, depth + 1))
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof URL) return redactedText(value.href)
  if (value instanceof Date) return value
  return redactedFields(value, depth)
}

/** A text without what looks like a credential. */
export function redactedText(text: string): string {
  return text.replace(secretText, (_all, scheme: string | undefined) => `${scheme ?? ''}${hidden}`)
}

const hidden = '[redacted]'
const deepest = 6
const widest = 100
const secretKey = /authorization|api[-_]?key|secret|passw|cookie|credential|private[-_]?key|(?:^|[-_a-z])token$/i
const secretText = /\b(?:sk-|rk_)[\w-]{6,}|\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}|(:\/\/)[^\s/@]*:[^\s/@]+(?=@)/gi

function redactedFields(value: object, depth: number): Readonly<Record<string, unknown>> {
  const fields: [string, unknown][] = []
  for (const [key, field] of Object.entries(value).slice(0, widest)) {
    fields.push([key, secretKey.test(key) && field !== null && field !== undefined ? hidden : redacted(field, depth + 1)])
  }
  return Object.fromEntries(fields)
}

function plainError(error: Error, depth: number): unknown {
  if (depth >= deepest) return redactedText(error.message)
  const { name: type, message, stack, cause } = error
  return {
    type,
    message: redactedText(message),
    ...(stack === undefined ? {} : { stack: redactedText(stack) }),
    ...redactedFields(error, depth),
    ...(cause === undefined ? {} : { cause: redacted(cause, depth + 1) }),
  }
}
