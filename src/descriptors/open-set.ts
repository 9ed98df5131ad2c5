import type { DescField } from '@bufbuild/protobuf'
import { ConfigError } from '../base/errors.ts'
import { fieldOf, leafParser } from '../transcode/field-path.ts'
import { transcoder } from '../transcode/transcoder.ts'
import type { Method } from '../transcode/types.ts'

/** What a descriptor set says of services. */
export interface OpenSet {
  /** Their full names. */
  readonly services: readonly string[]
  /** The methods of a service by name; empty for one that is not there. */
  methods(service: string): readonly string[]
  /** The fields of a method's request (`package.Service/Method`); undefined: there is no such method. */
  request(method: string): RequestFields | undefined
}

/** The fields of a request message. */
export interface RequestFields {
  readonly message: string
  readonly names: readonly string[]
  /** Whether a text in a path can be the field's value; `none`: there is no such field. */
  inPath(name: string): 'fits' | 'repeated' | 'message' | 'none'
}

/** A set that could be opened, or all that is wrong with it. */
export type OpenedSet = { readonly is: 'opened'; readonly set: OpenSet } | { readonly is: 'faults'; readonly faults: readonly SetFault[] }

/** What is wrong with a set, and what to do about it. */
export interface SetFault {
  readonly message: string
  readonly remedy: string
}

/**
 * Opens a serialized `google.protobuf.FileDescriptorSet`, and makes its rules ready as those will who put JSON into its messages;
 * `backwards`: as those will who put its messages into JSON.
 */
export function openSet(bytes: Uint8Array, backwards = false): OpenedSet {
  try {
    const { methods } = transcoder({ descriptors: bytes, backwards, mostMessage: 1 })
    if (methods.length > 0) return { is: 'opened', set: setOf(methods) }
    return {
      is: 'faults',
      faults: [{ message: 'there is no service with a method in it', remedy: 'name the files that have the services' }],
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const faults = error.problems.map(({ path, message, remedy }) => ({
      message: path === 'descriptors' ? message : `${path}: ${message}`,
      remedy,
    }))
    return { is: 'faults', faults }
  }
}

function setOf(all: readonly Method[]): OpenSet {
  const byService = Map.groupBy(all, ({ service }) => service)
  const byName = new Map(all.map((method) => [method.name, method]))
  return {
    services: [...byService.keys()],
    methods: (service) => (byService.get(service) ?? []).map(({ name }) => name.slice(service.length + 1)),
    request(method) {
      const found = byName.get(method)
      return found === undefined ? undefined : requestFields(found)
    },
  }
}

function requestFields({ input }: Method): RequestFields {
  return {
    message: input.typeName,
    names: input.fields.map(({ name }) => name),
    inPath(name) {
      const field = fieldOf(input, name)
      return field === undefined ? 'none' : shape(field)
    },
  }
}

function shape(field: DescField): 'fits' | 'repeated' | 'message' {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return 'repeated'
  return leafParser(field) === null ? 'message' : 'fits'
}
