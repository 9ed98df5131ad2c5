import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, type DescriptorProto, type FileDescriptorProto } from '@bufbuild/protobuf/wkt'

/** Answers the messages of `grpc.reflection.v1.ServerReflection` (those of v1alpha are the same, field by field). */
export interface Reflection {
  /** The services it tells of, by their full names. */
  readonly services: readonly string[]
  /** The answer to a `ServerReflectionRequest`; null where the bytes are none. */
  answer(request: Uint8Array): Uint8Array | null
}

/** Makes the answers from `FileDescriptorSet`s; of files that several of them hold, the first counts. */
export function reflection(sets: readonly Uint8Array[]): Reflection {
  const files = new Map<string, FileDescriptorProto>()
  for (const set of sets)
    for (const file of fromBinary(FileDescriptorSetSchema, set).file) if (!files.has(file.name)) files.set(file.name, file)
  const symbols = new Map<string, FileDescriptorProto>()
  for (const file of files.values()) for (const symbol of symbolsOf(file)) symbols.set(symbol, file)
  const services = [...files.values()].flatMap((file) => file.service.map(({ name }) => fullName(file.package, name)))
  const known: Known = { files, symbols, services: services.toSorted() }
  return {
    services: known.services,
    answer(request) {
      const asked = read(request)
      return asked === null ? null : answerTo(asked, request, known)
    },
  }
}

interface Known {
  readonly files: ReadonlyMap<string, FileDescriptorProto>
  readonly symbols: ReadonlyMap<string, FileDescriptorProto>
  readonly services: readonly string[]
}

/** A request, by the number of the field that says what is asked. */
interface Asked {
  readonly host: string
  readonly field: number
  readonly text: string
  readonly number: number
}

const byFilename = 3
const bySymbol = 4
const byExtension = 5
const extensionNumbers = 6
const listServices = 7

function read(bytes: Uint8Array): Asked | null {
  const asked = { host: '', field: 0, text: '', number: 0 }
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === 1 && type === WireType.LengthDelimited) asked.host = reader.string()
      else if (field === byExtension && type === WireType.LengthDelimited) Object.assign(asked, { field }, readExtension(reader.bytes()))
      else if (field > 2 && field <= listServices && type === WireType.LengthDelimited)
        Object.assign(asked, { field, text: reader.string() })
      else reader.skip(type, field)
    }
    return asked
  } catch {
    return null
  }
}

function readExtension(bytes: Uint8Array): Pick<Asked, 'text' | 'number'> {
  const reader = new BinaryReader(bytes)
  const found = { text: '', number: 0 }
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1 && type === WireType.LengthDelimited) found.text = reader.string()
    else if (field === 2 && type === WireType.Varint) found.number = reader.int32()
    else reader.skip(type, field)
  }
  return found
}

function answerTo(asked: Asked, request: Uint8Array, known: Known): Uint8Array {
  const out = new BinaryWriter()
  if (asked.host !== '') out.tag(1, WireType.LengthDelimited).string(asked.host)
  out.tag(2, WireType.LengthDelimited).bytes(request)
  switch (asked.field) {
    case byFilename:
      return writeFile(out, known.files.get(asked.text), asked, known)
    case bySymbol:
      return writeFile(out, known.symbols.get(asked.text.replace(/^\./, '')), asked, known)
    case byExtension:
      return writeFile(out, extensionsOf(asked.text, known).find(({ number }) => number === asked.number)?.file, asked, known)
    case extensionNumbers:
      return writeNumbers(out, asked, known)
    case listServices:
      return writeServices(out, known)
    default:
      return writeError(out, 3, 'the request asks for nothing that is known here')
  }
}

/** A file, and behind it all that it imports: a caller needs them to use it, and is spared the asking. */
function writeFile(out: BinaryWriter, file: FileDescriptorProto | undefined, asked: Asked, { files }: Known): Uint8Array {
  if (file === undefined) return writeError(out, 5, `${asked.text === '' ? 'nothing' : asked.text} is not known here`)
  const needed = new Set<FileDescriptorProto>([file])
  for (const one of needed) {
    for (const name of one.dependency) {
      const imported = files.get(name)
      if (imported !== undefined) needed.add(imported)
    }
  }
  out.tag(4, WireType.LengthDelimited).fork()
  for (const one of needed) out.tag(1, WireType.LengthDelimited).bytes(toBinary(FileDescriptorProtoSchema, one))
  return out.join().finish()
}

function writeNumbers(out: BinaryWriter, asked: Asked, known: Known): Uint8Array {
  const found = extensionsOf(asked.text, known)
  if (found.length === 0 && !known.symbols.has(asked.text)) return writeError(out, 5, `${asked.text} is not known here`)
  out.tag(5, WireType.LengthDelimited).fork()
  out.tag(1, WireType.LengthDelimited).string(asked.text)
  for (const { number } of found) out.tag(2, WireType.Varint).int32(number)
  return out.join().finish()
}

function writeServices(out: BinaryWriter, { services }: Known): Uint8Array {
  out.tag(6, WireType.LengthDelimited).fork()
  for (const name of services) out.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name).join()
  return out.join().finish()
}

function writeError(out: BinaryWriter, code: number, message: string): Uint8Array {
  out.tag(7, WireType.LengthDelimited).fork()
  out.tag(1, WireType.Varint).int32(code).tag(2, WireType.LengthDelimited).string(message)
  return out.join().finish()
}

function extensionsOf(type: string, { files }: Known): readonly { readonly number: number; readonly file: FileDescriptorProto }[] {
  const wanted = `.${type.replace(/^\./, '')}`
  return [...files.values()].flatMap((file) =>
    file.extension.filter(({ extendee }) => extendee === wanted).map(({ number }) => ({ number, file })),
  )
}

function symbolsOf(file: FileDescriptorProto): readonly string[] {
  const scope = file.package
  return [
    ...file.messageType.flatMap((message) => messageSymbols(scope, message)),
    ...file.enumType.map(({ name }) => fullName(scope, name)),
    ...file.extension.map(({ name }) => fullName(scope, name)),
    ...file.service.flatMap(({ name, method }) => {
      const service = fullName(scope, name)
      return [service, ...method.map((one) => fullName(service, one.name))]
    }),
  ]
}

function messageSymbols(scope: string, message: DescriptorProto): readonly string[] {
  const name = fullName(scope, message.name)
  return [
    name,
    ...message.field.map((field) => fullName(name, field.name)),
    ...message.nestedType.flatMap((nested) => messageSymbols(name, nested)),
    ...message.enumType.map((one) => fullName(name, one.name)),
  ]
}

function fullName(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`
}
