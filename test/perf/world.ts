import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { coresHere, findTools, type Cores, type Tools } from './machine.ts'
import type { Options, SectionName } from './options.ts'
import { folder, root } from './processes.ts'
import type { Report } from './table.ts'

/** What every section gets. */
export interface World {
  readonly options: Options
  readonly cores: Cores
  readonly tools: Tools
  readonly report: Report
  /** Each relay to measure, with the command that stands before `start`. */
  readonly relays: readonly { readonly name: string; readonly command: string }[]
  /** Files of a certificate made for this run; `both` is certificate and key in one. null without openssl. */
  readonly certificate: { readonly cert: string; readonly key: string; readonly both: string } | null
}

/** Builds what is to be measured, and what the measurements need. */
export function makeWorld(options: Options, report: Report): World {
  const tools = findTools()
  const isBuilt = options.sections.some((section) => !unbuilt.has(section))
  const relays = options.relays.map(({ name, command }) => ({ name, command: command ?? (isBuilt ? builtRelay() : '') }))
  return { options, cores: coresHere(), tools, report, relays, certificate: tools.openssl === null ? null : certificate(tools.openssl) }
}

/** Sections that run the sources. */
const unbuilt: ReadonlySet<SectionName> = new Set<SectionName>(['stages', 'limits', 'redis', 'tenants'])

/** The bundles of this tree, built now; a copy, so that a build in between changes nothing. */
function builtRelay(): string {
  const built = spawnSync(process.execPath, [join(root, 'bin', 'build.js')], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the build failed\n${built.stdout}${built.stderr}`)
  for (const name of ['relay.mjs', 'worker.cjs', 'ledger.cjs']) copyFileSync(join(root, 'dist', name), join(folder, name))
  return `'${process.execPath}' '${join(folder, 'relay.mjs')}'`
}

/** ECDSA P-256, as most certificates are today. */
function certificate(openssl: string): World['certificate'] {
  const [cert, key, both] = [join(folder, 'cert.pem'), join(folder, 'key.pem'), join(folder, 'both.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const made = spawnSync(openssl, ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`no certificate could be made\n${made.stderr}`)
  writeFileSync(both, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
  return { cert, key, both }
}
