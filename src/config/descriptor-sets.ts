import { openSet, type OpenSet } from '../descriptors/open-set.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'
import type { DescriptorsPlan } from './plan-translate.ts'
import type { DescriptorFile } from './schema-translate.ts'
import { readFault, type Sources } from './sources.ts'

/** Reads what says what gRPC methods are, each set once, however many routes name it. */
export interface DescriptorSets {
  /** null: nothing is said, or a problem was told. */
  read(written: DescriptorFile, path: KeyPath): DescriptorsPlan | null
  /** What a set says; null where nobody knows yet: the server is to be asked, or nothing outside of the text is read. */
  open(descriptors: DescriptorsPlan | null): OpenSet | null
}

type SetPlan = Extract<DescriptorsPlan, { readonly is: 'set' }>

/** Sets that come from the given sources. */
export function descriptorSets(sources: Sources, found: Findings): DescriptorSets {
  const made = new Map<string, SetPlan | null>()
  const opened = new WeakMap<SetPlan, OpenSet>()
  const fromFile = (file: string, path: KeyPath): SetPlan | null => {
    const plan = readSet(file, path)
    made.set(file, plan)
    return plan
  }
  return {
    read(written, path) {
      if (!checkSources(written, path, found)) return null
      const { descriptors, reflect } = written
      if (reflect === true) return { is: 'reflect' }
      if (descriptors === undefined) return null
      return made.get(descriptors) ?? fromFile(descriptors, [...path, 'descriptors'])
    },
    open: (descriptors) => (descriptors?.is === 'set' ? (opened.get(descriptors) ?? null) : null),
  }

  function readSet(file: string, path: KeyPath): SetPlan | null {
    try {
      const plan: SetPlan = { is: 'set', bytes: sources.bytes(file) }
      if (!sources.live) return plan
      const read = openSet(plan.bytes)
      if (read.is === 'opened') opened.set(plan, read.set)
      else found.add(path, `the descriptor set ${shown(file)} cannot be used: ${read.message}`, setRemedy)
      return read.is === 'opened' ? plan : null
    } catch (error) {
      const remedy = 'correct the path (it is relative to the config file), or make the file readable'
      found.add(path, `cannot read the file ${shown(file)}: ${readFault(error)}`, remedy)
      return null
    }
  }
}

const setRemedy = 'write it with protoc --include_imports --descriptor_set_out=FILE, or name the .proto files themselves with `proto`'

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
