import { matchesPattern } from '../base/pattern.ts'

/** Claude's model for the name that a caller uses: its own entry, else the first pattern that matches, else the name itself. */
export function claudeModel(name: string, models: Readonly<Record<string, string>>): string {
  const own = Object.hasOwn(models, name) ? models[name] : undefined
  if (own !== undefined) return own
  const pattern = Object.keys(models).find((each) => each.includes('*') && matchesPattern(each, name))
  return pattern === undefined ? name : (models[pattern] ?? name)
}
