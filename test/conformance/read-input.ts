import { readCall, readReply, valuesOf, type Message } from '../helpers/strict-reader.ts'

/** What a caller's bytes are, read by the tests' own reader: whole calls from the first on, until one that is none. */
export function readInput(text: string): readonly Message[] {
  const calls: Message[] = []
  let at = 0
  for (;;) {
    for (let k = 0; k < 4 && text.startsWith('\r\n', at); k++) at += 2
    const reading = readCall(text, at)
    if (reading.is !== 'whole') return calls
    calls.push(reading.message)
    at = reading.end
  }
}

/** What an origin's bytes are, up to its FIN: the first final reply, or null; `isExact`: nothing stands behind it. */
export function readAnswer(text: string, method: string): { readonly reply: Message; readonly isExact: boolean } | null {
  let at = 0
  for (;;) {
    const reading = readReply(text, at, method, true)
    if (reading.is !== 'whole') return null
    at = reading.end
    if (Number(reading.message.line[1]) >= 200) return { reply: reading.message, isExact: at === text.length }
  }
}

/** A target as an origin gets it: absolute form becomes origin form. */
export function originForm(target: string): string {
  const rest = target.replace(/^https?:\/\/[^/?]*/i, '')
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`
}

const hops = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'http2-settings']
const known = new Set(['content-length', 'transfer-encoding', 'host', 'authorization', 'x-api-key', 'x-rule', ...hops])

/** What is unclean about a call at the origin, or null: fields that end at a hop, a second Host, twins, extensions. */
export function uncleanness(call: Message): string | null {
  if (call.line[2] !== 'HTTP/1.1') return 'another version'
  if (valuesOf(call, 'host').length !== 1) return 'Host is not there once'
  if (valuesOf(call, 'x-rule').join() !== 'set') return "the rule's field is not there once"
  const hop = hops.find((name) => valuesOf(call, name).length > 0)
  if (hop !== undefined) return `${hop} was forwarded`
  const twin = call.fields.find(([name]) => name.includes('_') && known.has(name.replaceAll('_', '-')))
  if (twin !== undefined) return `${twin[0]} was forwarded`
  return call.hasExtensions ? 'a chunk extension was forwarded' : null
}
