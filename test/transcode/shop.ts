import {
  fromBinary,
  toBinary,
  fromJson,
  toJson,
  createFileRegistry,
  createRegistry,
  type DescMessage,
  type JsonValue,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { knownTypes } from '../../src/transcode/known-files.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import type { Match, Transcoder, TranscoderOptions } from '../../src/transcode/types.ts'
import { setOf, type FileWords, type MethodWords } from './proto.ts'

/** Messages with every kind of field. */
export const shop: Pick<FileWords, 'messages' | 'enums'> = {
  messages: {
    Thing: [
      'string name = 1',
      'int32 size = 2',
      'repeated string tags = 3',
      'Color color = 4',
      'Owner owner = 5',
      'map<string, string> labels = 6',
      'bool is_ok = 7',
      'bytes data = 8',
      'double weight = 9',
      'int64 big = 10',
      'google.protobuf.Timestamp made_at = 11',
      'google.protobuf.Duration lasts = 12',
      'google.protobuf.FieldMask mask = 13',
      'choice: string text = 20',
      'choice: int32 number = 21',
      'choice: Owner who = 22',
      'repeated Owner owners = 23',
      'optional string nick = 24',
      'google.protobuf.Struct more = 25',
      'google.protobuf.Value any_value = 26',
      'repeated Color colors = 27',
      'map<int32, Color> shades = 28',
      'map<string, Owner> people = 29',
      'google.protobuf.Any detail = 30',
      'float ratio = 31',
      'uint32 count = 32',
      'uint64 huge = 33',
      'string etag = 34 json=@etag',
      'map<bool, int64> flags = 35',
      'repeated google.protobuf.Timestamp times = 36',
      'map<string, google.protobuf.Duration> spans = 37',
      'repeated bytes parts = 38',
      'sint32 delta = 39',
      'fixed64 mark = 40',
    ],
    Owner: ['string id = 1', 'string full_name = 2', 'Owner parent = 3', 'repeated int32 nums = 4', 'int32 age = 5'],
    Wrapped: [
      'google.protobuf.Int64Value i64 = 1',
      'google.protobuf.UInt32Value u32 = 2',
      'google.protobuf.StringValue s = 3',
      'google.protobuf.BoolValue b = 4',
      'google.protobuf.BytesValue raw = 5',
      'google.protobuf.DoubleValue d = 6',
      'repeated google.protobuf.UInt64Value many = 7',
      'google.protobuf.ListValue list = 8',
      'google.protobuf.NullValue nothing = 9',
    ],
    Upload: ['string id = 1', 'google.api.HttpBody file = 2', 'string note = 3'],
    Wrap: [
      'Thing thing = 1',
      'repeated Thing things = 2',
      'string word = 3',
      'int64 total = 4',
      'Color color = 5',
      'google.protobuf.Timestamp made_at = 6',
      'map<string, string> labels = 7',
      'bool is_ok = 8',
      'int32 size = 9',
    ],
  },
  enums: { Color: ['NONE = 0', 'RED = 1', 'DARK_BLUE = 7'] },
}

/** A transcoder of these messages and methods. */
export function shopOf(methods: Readonly<Record<string, MethodWords>>, options: Partial<TranscoderOptions> = {}): Transcoder {
  return transcoder({ descriptors: shopSet(methods), mostMessage: 1 << 20, ...options })
}

export function shopSet(methods: Readonly<Record<string, MethodWords>>): Uint8Array {
  return setOf({ ...shop, methods })
}

/** The match of `GET /v1/x?query`, and that query. */
export function asked(of: Transcoder, call: string): { readonly match: Match; readonly query: string } {
  const [, method = '', path = '', query = ''] = /^(\S+) ([^?]*)\??(.*)$/s.exec(call) ?? []
  const found = of.find(method, path)
  if (found.is !== 'found') throw new Error(`${call}: ${found.is}`)
  return { match: found.match, query }
}

/** A serialized message as JSON. */
export function shown(of: DescMessage, bytes: Uint8Array): JsonValue {
  return toJson(of, fromBinary(of, bytes), { registry })
}

/** A message of the shop, serialized, out of its JSON. */
export function bytesOf(name: string, json: JsonValue): Uint8Array {
  const of = messageOf(name)
  return toBinary(of, fromJson(of, json, { registry }))
}

function messageOf(name: string): DescMessage {
  const of = registry.getMessage(name.includes('.') ? name : `shop.v1.${name}`)
  if (of === undefined) throw new Error(name)
  return of
}

const registry = createRegistry(knownTypes, createFileRegistry(inOrder()))

function inOrder() {
  const files = shopOf({ Get: { in: 'Thing', out: 'Thing' } }).methods[0]!.input.file
  const all: (typeof files)[] = []
  const visit = (file: typeof files): void => {
    file.dependencies.forEach(visit)
    if (!all.some((each) => each.proto.name === file.proto.name)) all.push(file)
  }
  visit(files)
  return { $typeName: FileDescriptorSetSchema.typeName, file: all.map((each) => each.proto) } as const
}
