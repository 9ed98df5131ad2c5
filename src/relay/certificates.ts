import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Problem } from '../base/errors.ts'
import type { ListenerPlan } from '../config/plan.ts'

/** A certificate and its key as text, checked to belong together. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Reads the files of every TLS listener: one entry a listener, null for one in clear text. */
export async function readCertificates(plans: readonly ListenerPlan[]): Promise<{
  readonly certificates: readonly (Certificate | null)[]
  readonly problems: readonly Problem[]
}> {
  const read = await Promise.all(plans.map(readOne))
  return {
    certificates: read.map((one) => ('certificate' in one ? one.certificate : null)),
    problems: read.flatMap((one) => ('problem' in one ? [one.problem] : [])),
  }
}

async function readOne(plan: ListenerPlan, at: number): Promise<{ certificate: Certificate | null } | { problem: Problem }> {
  if (plan.tls === null) return { certificate: null }
  try {
    const certificate = { cert: await readFile(plan.tls.cert, 'utf8'), key: await readFile(plan.tls.key, 'utf8') }
    createSecureContext(certificate)
    return { certificate }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `the certificate ${plan.tls.cert} and the key ${plan.tls.key} cannot be used: ${why}`
    return { problem: { path: `listeners[${at}].tls`, message, remedy: 'give a PEM certificate and the private key that belongs to it' } }
  }
}

/** Something that changes whenever one of the files does, also where a link is moved to another file. */
export function filesMark(files: readonly string[]): string {
  return files.map(fileMark).join('\n')
}

function fileMark(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`
}
