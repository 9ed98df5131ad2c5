import { ConfigError, type Problem } from '../base/errors.ts'
import { descriptorSets } from './descriptor-sets.ts'
import { type ConfigDocument, readDocument } from './document.ts'
import { type Finding, type Findings, findings, pathText } from './findings.ts'
import { planFrom } from './plan-from.ts'
import type { Plan } from './plan.ts'
import { schemaFindings } from './schema-findings.ts'
import { type ConfigFile, configSchema } from './schema.ts'
import type { Sources } from './sources.ts'

/** The plan of a config's text; throws a ConfigError with all of its problems. */
export function planFromText(text: string, { file, sources }: { readonly file: string; readonly sources: Sources }): Plan {
  const read = readDocument(text)
  if (read.problems.length > 0) throw new ConfigError(read.problems.map((problem) => ({ file, path: '', ...problem })))
  const found = findings()
  const plan = planFromValue(read.value, { sources, found })
  if (plan === undefined || found.all.length > 0) throw new ConfigError(inOrder(found.all.map((finding) => problemOf(finding, file, read))))
  return plan
}

/** The plan of a config as plain data; undefined, or not to be used, when `found` holds anything afterwards. */
export function planFromValue(
  value: unknown,
  { sources, found }: { readonly sources: Sources; readonly found: Findings },
): Plan | undefined {
  const raw = withoutEmpty(value)
  const parsed = configSchema.safeParse(raw)
  const broken = new Set<string>()
  const missing = new Set<string>()
  if (!parsed.success) schemaFindings(parsed.error.issues, raw, found)
  const config = parsed.success ? parsed.data : salvage(raw, parsed.error.issues, { broken, missing })
  return config === undefined ? undefined : planFrom({ config, sources, found, broken, missing, sets: descriptorSets(sources, found) })
}

function problemOf(finding: Finding, file: string, { place }: ConfigDocument): Problem {
  const other = finding.other === undefined ? '' : ` (line ${place(finding.other, 'key').line})`
  const at = place(finding.path, finding.at)
  return { file, ...at, path: pathText(finding.path), message: finding.message + other, remedy: finding.remedy }
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

// `routes:` with everything below it commented out is YAML's null: the same as not written. Not so `tenants:`, which says that keys are
// asked for: nobody takes the last tenant out to let everybody in.
function withoutEmpty(value: unknown): unknown {
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value)) return value
  const sections = Object.entries(value).map(([name, section]) => [name, name === 'tenants' && section === null ? {} : section] as const)
  return Object.fromEntries(sections.filter(([, section]) => section !== null))
}

interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly keys?: readonly string[]
}

interface Salvaging {
  readonly broken: Set<string>
  readonly missing: Set<string>
}

// What has the wrong shape is left out, so that all else is checked in the same run, and what spoke of it is not blamed.
function salvage(raw: unknown, issues: readonly Issue[], { broken, missing }: Salvaging): ConfigFile | undefined {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined
  const copy: Record<string, unknown> = { ...raw }
  for (const { code, path, keys = [] } of issues) {
    const [section, name] = path.map(String)
    if (section === undefined) {
      if (code === 'unrecognized_keys') for (const key of keys) delete copy[key]
      continue
    }
    const instead = stillSaid[section]
    if (mapped.has(section) && name !== undefined) copy[section] = without(copy[section], name)
    else if (instead !== undefined) copy[section] = instead
    else delete copy[section]
    if (section === 'upstreams') broken.add(name ?? '')
    else if (section === 'defaultUpstream') broken.add('')
    else missing.add(name !== undefined && mapped.has(section) ? `${section}.${name}` : section)
  }
  const parsed = configSchema.safeParse(copy)
  return parsed.success ? parsed.data : undefined
}

const mapped: ReadonlySet<string> = new Set(['routes', 'upstreams', 'tenants', 'tiers', 'prices'])

// Sections without which others would be blamed: that one stands there counts, whatever is wrong with it.
const stillSaid: Readonly<Record<string, unknown>> = { public: true, tenants: {}, tenantsFrom: 'sqlite' }

function without(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) : value
}
