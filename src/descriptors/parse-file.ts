import { create } from '@bufbuild/protobuf'
import {
  Edition,
  type MethodDescriptorProto,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { type Draft, draftOf, ProtoError, within } from './draft.ts'
import { enumeration } from './parse-enum.ts'
import { extensions } from './parse-field.ts'
import { message } from './parse-message.ts'
import { optionLine, type Parsing } from './parse-option.ts'
import { refuse, tokensOf } from './tokens.ts'

/** Reads a .proto file; what is wrong with its syntax is a ProtoError. */
export function parseFile(name: string, text: string): Draft {
  const parsing = { tokens: tokensOf(text), draft: draftOf(name) }
  readSyntax(parsing)
  while (parsing.tokens.peek().is !== 'end') statement(parsing)
  return parsing.draft
}

function readSyntax({ tokens, draft }: Parsing): void {
  const first = tokens.peek()
  const isEdition = tokens.skip('edition')
  if (!isEdition && !tokens.skip('syntax')) return
  tokens.expect('=')
  const token = tokens.peek()
  const said = tokens.string('a string').toString()
  tokens.expect(';')
  if (isEdition) {
    if (said !== '2023')
      throw new ProtoError(token.at, `the edition '${said}' is not known`, 'write edition = "2023", or syntax = "proto3"')
    draft.syntax = 'editions'
    Object.assign(draft.file, { syntax: 'editions', edition: Edition.EDITION_2023 })
  } else if (said === 'proto3') {
    draft.syntax = 'proto3'
    draft.file.syntax = 'proto3'
  } else if (said !== 'proto2') throw new ProtoError(first.at, `the syntax '${said}' is not known`, 'write syntax = "proto3"')
}

function statement(parsing: Parsing): void {
  const { tokens, draft } = parsing
  const { file } = draft
  const scope = file.package
  if (tokens.skip(';')) return
  const token = tokens.next()
  switch (token.text) {
    case 'package':
      if (file.package !== '') throw new ProtoError(token.at, 'the file has two packages', 'keep one of them')
      file.package = tokens.fullName('a package')
      return void tokens.expect(';')
    case 'import':
      return importLine(parsing)
    case 'option':
      return optionLine({ is: 'file', descriptor: file, scope }, parsing)
    case 'message':
      return void file.messageType.push(message(scope, parsing, 0))
    case 'enum':
      return void file.enumType.push(enumeration(scope, parsing))
    case 'service':
      return service(scope, parsing)
    case 'extend':
      return extensions({ scope, into: file.extension }, parsing)
    default:
      refuse(token, 'message, enum, service, extend, import, option or package')
  }
}

function importLine({ tokens, draft }: Parsing): void {
  const { file } = draft
  const at = file.dependency.length
  const isPublic = tokens.skip('public')
  const isWeak = !isPublic && tokens.skip('weak')
  const token = tokens.peek()
  const name = tokens.string('the name of a file').toString()
  tokens.expect(';')
  if (file.dependency.includes(name)) throw new ProtoError(token.at, `${name} is imported twice`, 'keep one of the two')
  file.dependency.push(name)
  if (isPublic) file.publicDependency.push(at)
  if (isWeak) file.weakDependency.push(at)
  draft.imports.set(name, token.at)
}

function service(scope: string, parsing: Parsing): void {
  const { tokens, draft } = parsing
  const token = tokens.name('the name of a service')
  const made = create(ServiceDescriptorProtoSchema, { name: token.text })
  const own = within(scope, made.name)
  draft.places.set(made, token.at)
  tokens.expect('{')
  while (!tokens.skip('}')) {
    if (tokens.skip(';')) continue
    if (tokens.skip('option')) optionLine({ is: 'service', descriptor: made, scope: own }, parsing)
    else if (tokens.skip('rpc')) made.method.push(method(own, parsing))
    else refuse(tokens.peek(), 'rpc or option')
  }
  draft.file.service.push(made)
}

function method(scope: string, parsing: Parsing): MethodDescriptorProto {
  const { tokens, draft } = parsing
  const token = tokens.name('the name of a method')
  const [clientStreaming, inputType] = methodType(parsing)
  tokens.expect('returns')
  const [serverStreaming, outputType] = methodType(parsing)
  const made = create(MethodDescriptorProtoSchema, { name: token.text, inputType, outputType })
  // As protoc writes it: what is false is not written at all.
  if (clientStreaming) made.clientStreaming = true
  if (serverStreaming) made.serverStreaming = true
  draft.places.set(made, token.at)
  if (tokens.skip('{')) methodBody(made, scope, parsing)
  else tokens.expect(';')
  return made
}

function methodBody(made: MethodDescriptorProto, scope: string, parsing: Parsing): void {
  const { tokens } = parsing
  made.options = create(MethodOptionsSchema)
  while (!tokens.skip('}')) {
    if (tokens.skip(';')) continue
    tokens.expect('option')
    optionLine({ is: 'method', descriptor: made, scope: within(scope, made.name) }, parsing)
  }
}

function methodType({ tokens }: Parsing): readonly [boolean, string] {
  tokens.expect('(')
  const isStream = tokens.skip('stream')
  const type = tokens.fullName('a type')
  tokens.expect(')')
  return [isStream, type]
}
