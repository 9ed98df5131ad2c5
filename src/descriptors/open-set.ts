import type { DescField, DescMethod } from '@bufbuild/protobuf'
import { readDescriptors } from '../transcode/descriptors.ts'

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

/** A set that could be opened, or what is wrong with it. */
export type OpenedSet = { readonly is: 'opened'; readonly set: OpenSet } | { readonly is: 'fault'; readonly message: string }

/** Opens a serialized `google.protobuf.FileDescriptorSet`, as whoever puts JSON into its messages will. */
export function openSet(bytes: Uint8Array): OpenedSet {
  try {
    const services = [...readDescriptors(bytes).files].filter((desc) => desc.kind === 'service')
    const byName = new Map(services.map((service) => [service.typeName, service]))
    const methods = (service: string): readonly DescMethod[] => byName.get(service)?.methods ?? []
    return {
      is: 'opened',
      set: {
        services: [...byName.keys()],
        methods: (service) => methods(service).map(({ name }) => name),
        request(method) {
          const [service = '', name = ''] = method.split('/')
          const found = methods(service).find((one) => one.name === name)
          return found === undefined ? undefined : requestFields(found)
        },
      },
    }
  } catch (error) {
    return { is: 'fault', message: error instanceof Error ? error.message : 'cannot be read' }
  }
}

function requestFields({ input }: DescMethod): RequestFields {
  return {
    message: input.typeName,
    names: input.fields.map(({ name }) => name),
    inPath(name) {
      const field = input.fields.find((one) => one.name === name || one.jsonName === name)
      return field === undefined ? 'none' : shape(field)
    },
  }
}

function shape({ fieldKind }: DescField): 'fits' | 'repeated' | 'message' {
  if (fieldKind === 'list' || fieldKind === 'map') return 'repeated'
  return fieldKind === 'message' ? 'message' : 'fits'
}
