import type { Call } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Name } from '../protocol/names.ts'

/** Points a call elsewhere: at this path, with this query (`?…`, or none). */
export function retarget(call: Call, path: string, query = ''): void {
  call.targetPrefix = Buffer.from(path + query, 'latin1')
  call.targetFrom = call.head.targetEnd
}

/** The version of Claude's API that a call goes out with: its caller's, or the last one that takes what OpenAI's callers send. */
export function versionOf(call: Call): string {
  return call.head.fields.values('anthropic-version')[0] ?? defaultVersion
}

/** Changes the head of an OpenAI caller to that of one of Claude's. */
export function readdress(call: Call, passesCredential: boolean): void {
  const { edits } = call
  edits.removePrefix(openAi)
  if (call.head.fields.values('anthropic-version').length === 0) edits.setLine(version, versionLine)
  // What comes back is read here.
  edits.setLine(acceptEncoding, identity)
  if (passesCredential) turnKey(call)
}

/** Says of the body that goes out what it is, instead of what the caller's was. */
export function describeBody({ edits }: Call): void {
  edits.setLine(contentType, json)
  edits.drop((1 << Name.contentEncoding) | (1 << Name.expect))
}

/** OpenAI's callers have one field for keys. A key of Claude's goes in `x-api-key`, which every version takes; a token stays where it is. */
function turnKey({ head: { fields }, edits }: Call): void {
  const goesOut = (id: number): boolean => fields.has(id) && (edits.mask & (1 << id)) === 0
  if (!goesOut(Name.authorization) || goesOut(Name.apiKey) || fields.isDoubled(Name.authorization)) return
  const key = /^bearer +(\S+)$/i.exec(fields.text(Name.authorization) ?? '')?.[1]
  if (key === undefined || key.startsWith('sk-ant-oat')) return
  edits.drop(1 << Name.authorization)
  edits.set(apiKey, key)
}

const defaultVersion = '2023-06-01'
const openAi = Buffer.from('openai-')
const version = fieldName('anthropic-version')
const versionLine = fieldLine(version, defaultVersion)
const acceptEncoding = fieldName('accept-encoding')
const identity = fieldLine(acceptEncoding, 'identity')
const contentType = fieldName('content-type')
const json = fieldLine(contentType, 'application/json')
const apiKey = fieldName('x-api-key')
