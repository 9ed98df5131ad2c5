import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt'

/** A field's name in JSON where it does not say one: `user_id` → `userId`. */
export function jsonName(name: string): string {
  return name.replace(/_+(.)?/g, (_, letter: string | undefined) => (letter ?? '').toUpperCase())
}

/** Puts the names in JSON into a file that was made without them: protoc writes them, and many servers' reflection leaves them out. */
export function withJsonNames(file: FileDescriptorProto): FileDescriptorProto {
  nameAll(file.extension)
  for (const message of file.messageType) nameFields(message)
  return file
}

function nameFields(message: DescriptorProto): void {
  nameAll(message.field)
  nameAll(message.extension)
  for (const nested of message.nestedType) nameFields(nested)
}

function nameAll(fields: readonly FieldDescriptorProto[]): void {
  for (const field of fields) if (field.jsonName === '') field.jsonName = jsonName(field.name)
}
