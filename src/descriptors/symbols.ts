import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import { ProtoError, type At, within } from './draft.ts'

/** What a full name stands for. */
export interface Meaning {
  readonly is: 'message' | 'enum' | 'other'
  readonly file: string
}

/** All names of all files. */
export interface Symbols {
  /** Takes in the names of a file; one that is there already is a ProtoError at the place that `at` gives for its descriptor. */
  add(file: FileDescriptorProto, at: (descriptor: object) => At): void
  get(name: string): Meaning | undefined
  /**
   * The full name of a type, or with `other` of anything, that is meant by a name in a scope: the innermost scope that knows its first part
   * decides, as in C++. Of files that are not visible nothing is found.
   */
  resolve(written: string, scope: string, visible: ReadonlySet<string>, kind: 'type' | 'other'): string | undefined
  /** The file that has a name, whether it is visible or not, looked for in the same scopes. */
  hidden(written: string, scope: string): string | undefined
}

/** No names yet. */
export function symbolTable(): Symbols {
  const known = new Map<string, Meaning>()
  const packages = packageTable()
  return {
    get: (name) => known.get(name),
    add(file, at) {
      packages.add(file)
      for (const [name, is, descriptor] of namesOf(file)) {
        const first = known.get(name)
        const where = first === undefined || first.file === file.name ? '' : `, first in ${first.file}`
        if (first !== undefined) throw new ProtoError(at(descriptor), `${name} is defined twice${where}`, 'name one of them differently')
        known.set(name, { is, file: file.name })
      }
    },
    resolve(written, scope, visible, kind) {
      const seen = (name: string): Meaning | undefined => {
        const meaning = known.get(name)
        return meaning !== undefined && visible.has(meaning.file) ? meaning : undefined
      }
      const fits = (name: string): boolean => (kind === 'other' ? seen(name) !== undefined : (seen(name)?.is ?? 'other') !== 'other')
      const isOuter = (name: string): boolean => seen(name)?.is === 'message' || packages.has(name, visible)
      return resolved(written, scope, { fits, isOuter })
    },
    hidden(written, scope) {
      const names = written.startsWith('.') ? [written.slice(1)] : scopes(scope).map((outer) => within(outer, written))
      return names.flatMap((name) => known.get(name)?.file ?? [])[0]
    },
  }
}

interface Scoping {
  readonly fits: (name: string) => boolean
  /** Whether names can stand in it. */
  readonly isOuter: (name: string) => boolean
}

function resolved(written: string, scope: string, { fits, isOuter }: Scoping): string | undefined {
  if (written.startsWith('.')) return fits(written.slice(1)) ? written.slice(1) : undefined
  const [first = '', ...rest] = written.split('.')
  const decides = (outer: string): boolean => (rest.length === 0 ? fits(within(outer, first)) : isOuter(within(outer, first)))
  const outer = scopes(scope).find(decides)
  if (outer === undefined) return undefined
  const name = within(outer, written)
  return fits(name) ? name : undefined
}

/** A scope, and all around it: `a.b`, `a`, and the outermost. */
function scopes(scope: string): readonly string[] {
  const parts = scope === '' ? [] : scope.split('.')
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('.')).concat('')
}

interface Packages {
  add(file: FileDescriptorProto): void
  has(name: string, visible: ReadonlySet<string>): boolean
}

/** Packages, and those that they are in, with the files that have them. */
function packageTable(): Packages {
  const files = new Map<string, Set<string>>()
  return {
    add(file) {
      if (file.package === '') return
      for (const name of scopes(file.package).slice(0, -1)) files.set(name, (files.get(name) ?? new Set()).add(file.name))
    },
    has: (name, visible) => [...(files.get(name) ?? [])].some((file) => visible.has(file)),
  }
}

type Named = readonly [name: string, is: Meaning['is'], descriptor: object]

function namesOf(file: FileDescriptorProto): readonly Named[] {
  const scope = file.package
  return [
    ...file.messageType.flatMap((message) => messageNames(scope, message)),
    ...file.enumType.flatMap((one) => enumNames(scope, one)),
    ...others(scope, file.extension),
    ...file.service.flatMap((service) => [...others(scope, [service]), ...others(within(scope, service.name), service.method)]),
  ]
}

function messageNames(outer: string, message: DescriptorProto): readonly Named[] {
  const scope = within(outer, message.name)
  return [
    [scope, 'message', message],
    ...others(scope, message.field),
    ...others(scope, message.oneofDecl),
    ...others(scope, message.extension),
    ...message.nestedType.flatMap((nested) => messageNames(scope, nested)),
    ...message.enumType.flatMap((one) => enumNames(scope, one)),
  ]
}

// The values of an enum are names beside it, not in it.
function enumNames(scope: string, one: EnumDescriptorProto): readonly Named[] {
  return [[within(scope, one.name), 'enum', one], ...others(scope, one.value)]
}

function others(scope: string, all: readonly { readonly name: string }[]): readonly Named[] {
  return all.map((one) => [within(scope, one.name), 'other', one])
}
