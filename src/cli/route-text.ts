import type { RouteStatus } from '../control/api.ts'

/** Whose calls a route puts into other terms, in words. */
export const translatesText: Readonly<Record<NonNullable<RouteStatus['translates']>, string>> = {
  json_to_grpc: 'JSON to gRPC',
  grpc_to_json: 'gRPC to JSON',
  openai: 'OpenAI to Claude',
}

/** A route with all that is known of it. */
export function routeLines(route: RouteStatus): readonly string[] {
  const { name, host, methods, path, match, to, upstream, kind, http, when, refusal, upgrades, translates, method, descriptors } = route
  const known = descriptors === 'awaited' ? 'not known yet: the server is asked; JSON callers get 503' : descriptors
  const all: readonly (readonly [string, string | null])[] = [
    ['path', `${path} (${match})`],
    ['host', host],
    ['methods', methods?.join(', ') ?? null],
    ['when', when.length === 0 ? null : when.join('; ')],
    ['answers', refusal === null ? null : `400: ${refusal}`],
    ['to', refusal === null ? to : null],
    ['upstream', refusal === null ? `${upstream} (${kind}, HTTP/${http === 1 ? '1.1' : '2'})` : null],
    ['translates', translates === null ? null : translatesText[translates]],
    ['method', method],
    ['descriptors', known],
    ['upgrades', upgrades.length === 0 ? null : upgrades.join(', ')],
  ]
  return [name, ...columns(all.flatMap(([what, text]) => (text === null ? [] : [[`  ${what}`, text]])))]
}

/** Rows with their first column as wide as its widest entry. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([first = '']) => first.length))
  return rows.map(([first = '', ...rest]) => `${first.padEnd(width)}  ${rest.join('  ')}`.trimEnd())
}
