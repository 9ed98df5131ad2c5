import { jsonName } from '../transcode/json-names.ts'

/** A field's name as a part of a type's: `user_id` → `UserId`. */
export function camelCased(name: string): string {
  const joined = jsonName(name)
  return joined.slice(0, 1).toUpperCase() + joined.slice(1)
}
