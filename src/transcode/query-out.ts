import type { DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf'
import { isJsonObject } from './codec.ts'
import { leafParser } from './field-path.ts'
import { textOf } from './path-out.ts'
import { encode } from './percent.ts'
import { bad } from './problem.ts'

/** The query that says what a message's JSON has: names as in JSON, with dots; repeated fields one by one, maps as `key[k]=v`. */
export function queryOf(of: DescMessage, json: JsonObject): string {
  const parameters: string[] = []
  addMessage(of, json, { prefix: '', add: (name, value) => parameters.push(`${encode(name)}=${encode(value)}`) })
  return parameters.join('&')
}

interface Adding {
  readonly prefix: string
  readonly add: (name: string, value: string) => void
}

function addMessage(of: DescMessage, json: JsonObject, { prefix, add }: Adding): void {
  for (const field of of.fields) {
    const value = json[field.jsonName]
    if (value !== undefined) addField(field, value, { prefix: `${prefix}${field.jsonName}`, add })
  }
}

function addField(field: DescField, value: JsonValue, { prefix, add }: Adding): void {
  const isSingle = leafParser(field) !== null
  const refuse = (what: string): never => {
    throw bad(`field "${prefix}" is ${what} of messages, which no query parameter can say`)
  }
  if (field.fieldKind === 'list') {
    const items = Array.isArray(value) ? value : []
    if (!isSingle && items.length > 0) refuse('a list')
    for (const item of items) add(prefix, textOf(field, item))
  } else if (field.fieldKind === 'map') {
    const entries = isJsonObject(value) ? Object.entries(value) : []
    if (!isSingle && entries.length > 0) refuse('a map')
    for (const [key, item] of entries) add(`${prefix}[${key}]`, textOf(field, item))
  } else if (isSingle) add(prefix, textOf(field, value))
  else if (field.message?.typeName === 'google.protobuf.Any')
    throw bad(`field "${prefix}" is a google.protobuf.Any, which no query parameter can say`)
  else if (field.message !== undefined && isJsonObject(value)) addMessage(field.message, value, { prefix: `${prefix}.`, add })
}
