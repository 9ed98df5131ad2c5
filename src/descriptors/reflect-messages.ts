import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** What a server's reflection is asked. */
export type ReflectionAsk =
  | { readonly is: 'services' }
  | { readonly is: 'symbol'; readonly symbol: string }
  | { readonly is: 'file'; readonly name: string }

/** What it answers: names of services, serialized `FileDescriptorProto`s, or why it does not. */
export type ReflectionAnswer =
  | { readonly is: 'services'; readonly names: readonly string[] }
  | { readonly is: 'files'; readonly files: readonly Uint8Array[] }
  | { readonly is: 'error'; readonly code: number; readonly message: string }

/** A `grpc.reflection.v1.ServerReflectionRequest` (v1alpha has the same fields). */
export function writeAsk(ask: ReflectionAsk): Buffer {
  const out = new BinaryWriter()
  switch (ask.is) {
    case 'file':
      out.tag(3, WireType.LengthDelimited).string(ask.name)
      break
    case 'symbol':
      out.tag(4, WireType.LengthDelimited).string(ask.symbol)
      break
    case 'services':
      out.tag(7, WireType.LengthDelimited).string('*')
  }
  return Buffer.from(out.finish())
}

/** A `ServerReflectionResponse`; throws for bytes that are none. */
export function readAnswer(bytes: Uint8Array): ReflectionAnswer {
  const reader = new BinaryReader(bytes)
  let answer: ReflectionAnswer = { is: 'error', code: 2, message: 'the answer says nothing' }
  eachField(reader, (field) => {
    if (field === 4) answer = { is: 'files', files: repeated(reader.bytes()) }
    else if (field === 6) answer = { is: 'services', names: repeated(reader.bytes()).map(nameOf) }
    else if (field === 7) answer = errorOf(reader.bytes())
    else return false
    return true
  })
  return answer
}

/** Goes through the fields of a message; what `take` does not read is skipped. */
function eachField(reader: BinaryReader, take: (field: number) => boolean): void {
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (!take(field)) reader.skip(type, field)
  }
}

/** The values of a message whose one field is a repeated one of bytes, of number 1. */
function repeated(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new BinaryReader(bytes)
  const values: Uint8Array[] = []
  eachField(reader, (field) => field === 1 && values.push(reader.bytes()) > 0)
  return values
}

function nameOf(bytes: Uint8Array): string {
  return Buffer.from(repeated(bytes)[0] ?? []).toString()
}

function errorOf(bytes: Uint8Array): ReflectionAnswer {
  const reader = new BinaryReader(bytes)
  const error = { is: 'error' as const, code: 2, message: '' }
  eachField(reader, (field) => {
    if (field === 1) error.code = reader.int32()
    else if (field === 2) error.message = reader.string()
    else return false
    return true
  })
  return error
}
