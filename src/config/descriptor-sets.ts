import type { ProtoSources } from '../descriptors/load-files.ts'
import type { OpenSet } from '../descriptors/open-set.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'
import type { DescriptorsPlan } from './plan-translate.ts'
import type { DescriptorFile } from './schema-translate.ts'
import { readFault, type Sources } from './sources.ts'

/** Reads what says what gRPC methods are, each set once, however many routes name it. */
export interface DescriptorSets {
  /** null: nothing is said, or a problem was told. `backwards`: for gRPC callers of an upstream that speaks JSON. */
  read(written: DescriptorFile, path: KeyPath, backwards?: boolean): DescriptorsPlan | null
  /** What a set says; null where nobody knows yet: the server is to be asked, or nothing outside of the text is read. */
  open(descriptors: DescriptorsPlan | null): OpenSet | null
}

type SetPlan = Extract<DescriptorsPlan, { readonly is: 'set' }>

/** Sets that come from the given sources. */
export function descriptorSets(sources: Sources, found: Findings): DescriptorSets {
  const made = new Map<string, SetPlan | null>()
  const opened = new WeakMap<SetPlan, OpenSet>()
  const once = ({ id, path, backwards }: Wanted, make: () => Uint8Array | null): SetPlan | null => {
    const key = `${backwards} ${id}`
    const known = made.get(key)
    if (known !== undefined) return known
    const bytes = make()
    const plan = bytes === null ? null : openedPlan(bytes, path, backwards)
    made.set(key, plan)
    return plan
  }
  return {
    read(written, path, backwards = false) {
      if (!checkSources(written, path, found)) return null
      const { proto, protoPath = [], descriptors, reflect } = written
      if (reflect === true) return { is: 'reflect' }
      if (descriptors !== undefined) {
        const at = [...path, 'descriptors']
        return once({ id: descriptors, path: at, backwards }, () => setBytes(descriptors, at, { sources, found }))
      }
      if (proto === undefined) return null
      const from = { files: listed(proto), folders: listed(protoPath) }
      const at = [...path, 'proto']
      return once({ id: JSON.stringify(from), path: at, backwards }, () => protoBytes(from, at, { sources, found }))
    },
    open: (descriptors) => (descriptors?.is === 'set' ? (opened.get(descriptors) ?? null) : null),
  }

  function openedPlan(bytes: Uint8Array, path: KeyPath, backwards: boolean): SetPlan | null {
    const plan: SetPlan = { is: 'set', bytes }
    if (sources.descriptors === null) return plan
    const read = sources.descriptors.openSet(bytes, backwards)
    if (read.is === 'opened') opened.set(plan, read.set)
    else for (const { message, remedy } of read.faults.slice(0, mostFaults)) found.add(path, message, remedy)
    return read.is === 'opened' ? plan : null
  }
}

/** A set, by what makes it, and where that is written. */
interface Wanted {
  readonly id: string
  readonly path: KeyPath
  readonly backwards: boolean
}

interface Reading {
  readonly sources: Sources
  readonly found: Findings
}

function setBytes(file: string, path: KeyPath, { sources, found }: Reading): Uint8Array | null {
  try {
    return sources.bytes(file)
  } catch (error) {
    const remedy = 'correct the path (it is relative to the config file), or make the file readable'
    found.add(path, `cannot read the file ${shown(file)}: ${readFault(error)}`, remedy)
    return null
  }
}

const mostFaults = 20

function protoBytes(from: Omit<ProtoSources, 'read'>, path: KeyPath, { sources, found }: Reading): Uint8Array | null {
  if (sources.descriptors === null) return new Uint8Array()
  const compiled = sources.descriptors.compileProto({ ...from, read: (file) => textOrNull(file, sources) })
  if (compiled.is === 'set') return compiled.bytes
  for (const { file, at, message, remedy } of compiled.faults.slice(0, mostFaults)) {
    const place = at === null ? file : `${file}:${at.line}:${at.column}`
    found.add(path, `${place}: ${message}`, remedy)
  }
  return null
}

function textOrNull(file: string, sources: Sources): string | null {
  try {
    return sources.file(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw new Error(readFault(error), { cause: error })
  }
}

function listed(written: string | readonly string[]): readonly string[] {
  return typeof written === 'string' ? [written] : written
}

/** Whether at most one source is named; the rest is told. */
function checkSources(written: DescriptorFile, path: KeyPath, found: Findings): boolean {
  const { proto, protoPath, descriptors, reflect } = written
  const named = [
    ...(proto === undefined ? [] : ['proto']),
    ...(descriptors === undefined ? [] : ['descriptors']),
    ...(reflect === true ? ['reflect'] : []),
  ]
  const [first, second] = named
  if (first !== undefined && second !== undefined)
    found.addKey([...path, second], `${first} says already what the methods are`, `keep one of ${named.join(', ')}`)
  if (protoPath !== undefined && proto === undefined)
    found.addKey([...path, 'protoPath'], 'is where imports of `proto` are looked for, and there is none', 'give `proto`, or leave it out')
  return second === undefined
}
