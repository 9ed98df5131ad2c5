import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../base/errors.ts'
import { type ConfigDocument, readDocument } from './document.ts'
import { EditRefused } from './edit-map.ts'
import { withValue } from './edit-value.ts'
import type { Edited } from './edit.ts'
import { planFromText } from './load-text.ts'
import { offlineSources } from './sources.ts'

/** Tenants as they are written in a file, by name. */
export type WrittenTenants = Readonly<Record<string, unknown>>

/** The tenants of a config's text, as they are written. */
export function writtenTenants(text: string): WrittenTenants {
  return tenantsValue(readDocument(text))
}

/** The config's text with other tenants, all else as it was; throws a ConfigError when it would not load, before or after. */
export function editTenants(text: string, change: string, edit: (tenants: WrittenTenants) => WrittenTenants, file = 'config'): Edited {
  const read = readChecked(text, file)
  const wanted = edit(tenantsValue(read))
  try {
    const next = withValue(text, 'tenants', wanted)
    expectTenants(read, readChecked(next, file), wanted)
    return { text: next, change }
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error
    const message = `cannot be edited without touching more than was asked: ${error.message}`
    throw new ConfigError([{ file, path: 'tenants', message, remedy: 'edit the file by hand' }])
  }
}

// A cut at the wrong place could still load, as something else: what the text says is compared, not only whether it can be read.
function expectTenants(before: ConfigDocument, after: ConfigDocument, wanted: WrittenTenants): void {
  const rest = ({ value }: ConfigDocument) => ({ ...(isRecord(value) ? value : {}), tenants: null })
  if (isDeepStrictEqual(tenantsValue(after), wanted) && isDeepStrictEqual(rest(after), rest(before))) return
  throw new EditRefused('what stands beside the tenant would change its meaning')
}

// Whoever edits need not have relay's environment and files: the text is checked by itself.
function readChecked(text: string, file: string): ConfigDocument {
  planFromText(text, { file, sources: offlineSources })
  return readDocument(text)
}

function tenantsValue({ value }: ConfigDocument): WrittenTenants {
  return isRecord(value) && isRecord(value['tenants']) ? value['tenants'] : {}
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
