/**
 * How much output the bytes of one `content_block_delta` carry, for streams that end before the API has said it. This runs for every
 * event of every stream, so it looks at bytes where the API's own spelling stands, and parses JSON only where another stands.
 */
export function observedBytes(bytes: Buffer, start: number, end: number): number {
  const delta = deltaStart(bytes, start, end)
  if (delta < 0) return parsedBytes(bytes, start, end)
  const first = bytes[delta]
  if (first === letterS || first === letterC) return 0 // signature_delta, citations_delta: not counted as output text
  for (let at = delta; at < end; at++) if (standsAt(bytes, at, end, openValue)) return stringBytes(bytes, at + openValue.length, end)
  return parsedBytes(bytes, start, end)
}

const head = Buffer.from('{"type":"content_block_delta","index":')
const middle = Buffer.from(',"delta":{"type":"')
const openValue = Buffer.from('":"')
const quote = 0x22
const backslash = 0x5c
const letterC = 0x63
const letterS = 0x73
const letterU = 0x75

/** Where the delta's type begins if the event is spelled as the API does, else -1. */
function deltaStart(bytes: Buffer, start: number, end: number): number {
  if (!standsAt(bytes, start, end, head)) return -1
  let at = start + head.length
  while (isDigit(bytes[at])) at++
  return standsAt(bytes, at, end, middle) ? at + middle.length : -1
}

/** The bytes of a JSON string's text, from behind its opening quote; an escape counts as the byte or bytes that it stands for. */
function stringBytes(bytes: Buffer, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === quote) return count
    count++
    if (byte !== backslash) continue
    at++
    if (bytes[at] !== letterU) continue
    at += 4
    count += 1
  }
  return count
}

function parsedBytes(bytes: Buffer, start: number, end: number): number {
  try {
    // Only a field of an unknown shape is asked for, and whatever it is not counts as nothing.
    const event = JSON.parse(bytes.toString('utf8', start, end)) as { readonly delta?: Readonly<Record<string, unknown>> } | null
    const delta = event?.delta
    const text = delta?.['text'] ?? delta?.['thinking'] ?? delta?.['partial_json']
    return typeof text === 'string' ? Buffer.byteLength(text) : 0
  } catch {
    return 0
  }
}

function standsAt(bytes: Buffer, start: number, end: number, text: Buffer): boolean {
  if (end - start < text.length) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
