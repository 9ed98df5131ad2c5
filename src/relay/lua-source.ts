import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'
import type { LuaTexts } from '../limits/redis/scripts.ts'

/** The scripts that Redis runs: assets of the binary, files beside the bundle's folder or the sources everywhere else. */
export function luaTexts(): LuaTexts {
  return { take: luaText('take'), settle: luaText('settle'), renew: luaText('renew'), nodes: luaText('nodes') }
}

/** A script by its name without the ending, with what it shares with others before it. */
export function luaText(name: string): string {
  return withCommon.has(name) ? fileText('common') + fileText(name) : fileText(name)
}

const withCommon: ReadonlySet<string> = new Set(['take', 'settle', 'renew', 'lease'])

function fileText(name: string): string {
  if (isSea()) return getAsset(`lua/${name}.lua`, 'utf8')
  const isBundle = !import.meta.url.endsWith('.ts')
  return readFileSync(new URL(`${isBundle ? '../lua' : '../../lua'}/${name}.lua`, import.meta.url), 'utf8')
}
