import { create } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'

/** A place in a .proto file, both from 1. */
export interface At {
  readonly line: number
  readonly column: number
}

/** What is wrong with a .proto file, and where. */
export class ProtoError extends Error {
  readonly at: At
  readonly remedy: string

  constructor(at: At, message: string, remedy: string) {
    super(message)
    this.name = 'ProtoError'
    this.at = at
    this.remedy = remedy
  }
}

/**
 * A .proto file as it was read: a descriptor whose types are still the names that were written, and whose options are not looked into yet.
 * Where its parts stand is kept beside it, for what turns out to be wrong later.
 */
export interface Draft {
  readonly file: FileDescriptorProto
  syntax: 'proto2' | 'proto3' | 'editions'
  readonly places: Map<object, At>
  /** Where each import stands. */
  readonly imports: Map<string, At>
  readonly options: WrittenOption[]
}

/** Something that has options, and what it is. */
export interface OptionOwner {
  readonly is: 'file' | 'message' | 'field' | 'oneof' | 'enum' | 'value' | 'service' | 'method' | 'range'
  readonly descriptor: { options?: unknown }
  /** The full name of what it stands in: names of options are looked for from there. */
  readonly scope: string
}

/** `option (google.api.http).get = "/v1"`. */
export interface WrittenOption {
  readonly owner: OptionOwner
  readonly name: readonly OptionPart[]
  readonly value: OptionValue
  readonly at: At
}

export interface OptionPart {
  readonly text: string
  readonly isExtension: boolean
}

export type OptionValue =
  /** As bytes: escapes may say what is no text. */
  | { readonly is: 'string'; readonly bytes: Buffer }
  | { readonly is: 'name'; readonly text: string }
  | { readonly is: 'integer'; readonly value: bigint }
  | { readonly is: 'float'; readonly value: number }
  | { readonly is: 'list'; readonly values: readonly OptionValue[] }
  | { readonly is: 'message'; readonly fields: readonly (readonly [OptionPart, OptionValue])[] }

/** An empty draft of a file. */
export function draftOf(name: string): Draft {
  return { file: create(FileDescriptorProtoSchema, { name }), syntax: 'proto2', places: new Map(), imports: new Map(), options: [] }
}

/** A name inside of a scope. */
export function within(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`
}
