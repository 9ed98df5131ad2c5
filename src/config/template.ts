import { shown } from './findings.ts'
import type { TemplatePart, TemplateVariable } from './plan.ts'
import { readFault, type Sources } from './sources.ts'
import { nearest } from './nearest.ts'

/** What a header value's template turned out to be. */
export type ReadTemplate =
  | { readonly is: 'template'; readonly parts: readonly TemplatePart[] }
  | { readonly is: 'fault'; readonly message: string; readonly remedy: string }

type Fault = Extract<ReadTemplate, { readonly is: 'fault' }>

const variables: readonly TemplateVariable[] = ['request.id', 'route', 'client.address', 'now', 'method', 'path']
const mostCharacters = 8192

/** Reads a header value: text, `${variables}`, `$${` for a plain `${`; `${env:…}` and `${file:…}` become text at once. */
export function readTemplate(written: string, sources: Sources): ReadTemplate {
  const parts: TemplatePart[] = []
  const take = (part: TemplatePart): void => {
    const last = parts.at(-1)
    if ('text' in part && last !== undefined && 'text' in last) parts[parts.length - 1] = { text: last.text + part.text }
    else if (!('text' in part) || part.text !== '') parts.push(part)
  }
  for (const piece of written.split(/(\$\$\{|\$\{[^}]*\}?)/)) {
    const read = readPiece(piece, sources)
    if ('is' in read) return read
    take(read)
  }
  const length = parts.reduce((sum, part) => sum + ('text' in part ? part.text.length : 0), 0)
  return length > mostCharacters ? fault(`is ${length} characters long`, `use at most ${mostCharacters}`) : { is: 'template', parts }
}

function readPiece(piece: string, sources: Sources): TemplatePart | Fault {
  if (piece === '$${') return { text: '${' }
  if (!piece.startsWith('${')) return checked(piece, 'the value')
  if (!piece.endsWith('}')) return fault("holds a '${' that no '}' closes", 'close it, or write $${ for a plain ${')
  const inner = piece.slice(2, -1)
  const variable = variables.find((name) => name === inner)
  if (variable !== undefined) return { variable }
  if (inner.startsWith('env:')) return fromEnv(inner.slice(4), sources)
  if (inner.startsWith('file:')) return fromFile(inner.slice(5), sources)
  const close = nearest(inner, [...variables, 'env:', 'file:'])
  const known = [...variables, 'env:NAME', 'file:path'].join(', ')
  return fault(
    `holds the unknown variable ${shown(piece)}`,
    close === undefined ? `known: ${known}` : `did you mean \${${close}}? known: ${known}`,
  )
}

function fromEnv(name: string, sources: Sources): TemplatePart | Fault {
  const value = sources.env(name)
  if (name === '' || value === undefined)
    return fault(`needs the environment variable ${shown(name)}, which is not set`, `set it where relay starts: export ${name}=…`)
  return checked(value, `the environment variable ${shown(name)}`)
}

function fromFile(path: string, sources: Sources): TemplatePart | Fault {
  try {
    return checked(sources.file(path).replace(/\r?\n$/, ''), `the file ${shown(path)}`)
  } catch (error) {
    return fault(
      `cannot read the file ${shown(path)}: ${readFault(error)}`,
      'correct the path (it is relative to the config file), or make the file readable',
    )
  }
}

// RFC 9110 5.5: CR, LF and NUL are what splits a head; other control bytes have no business in one, and what is not ASCII has no one coding.
function checked(text: string, what: string): TemplatePart | Fault {
  const odd = /[^\t\u0020-\u007e]/.exec(text)?.[0]
  if (odd === undefined) return { text }
  const code = odd.codePointAt(0) ?? 0
  const name =
    { 0: 'a NUL', 10: 'a line feed', 13: 'a carriage return' }[code] ?? (code < 128 ? 'a control byte' : 'a character outside of ASCII')
  return fault(`${what} holds ${name}, which no header field may hold`, 'take it out')
}

function fault(message: string, remedy: string): Fault {
  return { is: 'fault', message, remedy }
}
