import { bad, shown } from './problem.ts'

/** A path segment as text: all escapes decoded, `+` as it is. */
export function decodeSegment(text: string): string {
  return text.includes('%') ? decoded(text, text) : text
}

/** Several segments as text: all escapes decoded but `%2F`, so that the slashes are those of the path. */
export function decodeSegments(text: string): string {
  return text.includes('%') ? decoded(text.replaceAll(/%(?=2[Ff])/g, '%25'), text) : text
}

/** A name or value of a query as text: `+` is a space, as forms and URLSearchParams write it. */
export function decodeQuery(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? decoded(spaced, text) : spaced
}

/** Text as it stands in a path segment or a query: everything but `-_.~0-9a-zA-Z` escaped. */
export function encode(text: string): string {
  return plain.test(text) ? text : encodeURIComponent(text).replaceAll(/[!'()*]/g, escaped)
}

function decoded(text: string, original: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw bad(`${shown(original)} is not percent-coded UTF-8`, error)
  }
}

function escaped(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`
}

const plain = /^[\w.~-]*$/
