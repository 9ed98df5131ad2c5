import { readFileSync } from 'node:fs'
import { createFileRegistry, fromBinary, toJson } from '@bufbuild/protobuf'
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import t from 'tap'
import { compileProto } from '../../src/descriptors/compile.ts'
import type { ProtoFault } from '../../src/descriptors/load-files.ts'
import { openSet } from '../../src/descriptors/open-set.ts'

const folder = new URL('protos/', import.meta.url)

/** The set of files that are there by name; throws with what is wrong. */
function setOf(files: Readonly<Record<string, string>>, names = Object.keys(files), folders: readonly string[] = []): Uint8Array {
  const compiled = compileProto({ files: names, folders, read: (path) => files[path] ?? null })
  if (compiled.is === 'faults') throw new Error(JSON.stringify(compiled.faults))
  return compiled.bytes
}

function faultsOf(
  files: Readonly<Record<string, string>>,
  names = Object.keys(files),
  folders: readonly string[] = [],
): readonly ProtoFault[] {
  const compiled = compileProto({ files: names, folders, read: (path) => files[path] ?? null })
  return compiled.is === 'faults' ? compiled.faults : []
}

const opened = (bytes: Uint8Array): FileDescriptorSet => fromBinary(FileDescriptorSetSchema, bytes)

t.test('what is compiled is what protoc makes of it: proto2, proto3, an edition, options of all kinds', async (t) => {
  const names = ['users.proto', 'edition.proto', 'bare.proto']
  const compiled = compileProto({ files: names, folders: [], read: (path) => readFileSync(new URL(path, folder), 'utf8') })
  t.match(compiled, { is: 'set' })
  const set = opened((compiled as { readonly bytes: Uint8Array }).bytes)
  const registry = createFileRegistry(set)

  const json = ({ file }: FileDescriptorSet): object =>
    Object.fromEntries(file.map((one) => [one.name, toJson(FileDescriptorSetSchema, { ...set, file: [one] }, { registry })] as const))
  const own = { ...set, file: set.file.filter(({ name }) => !name.startsWith('google/')) }

  t.strictSame(json(own), json(opened(readFileSync(new URL('all.binpb', folder)))))
  t.match(
    set.file.map(({ name }) => name),
    ['google/protobuf/descriptor.proto', 'google/api/http.proto', 'google/api/annotations.proto'],
    'the files that it imports go along, each before whoever imports it',
  )
})

t.test('a file is named as others import it: from a folder of protoPath on, else from its own', async (t) => {
  const files = {
    'apis/users/v1/users.proto': 'syntax = "proto3"; package u; import "users/v1/user.proto"; message Get { User user = 1; }',
    'apis/users/v1/user.proto': 'syntax = "proto3"; package u; message User {}',
  }
  const names = (bytes: Uint8Array): readonly string[] => opened(bytes).file.map(({ name }) => name)

  t.strictSame(names(setOf(files, ['./apis/users/v1/users.proto'], ['apis/'])), ['users/v1/user.proto', 'users/v1/users.proto'])
  t.strictSame(names(setOf(files, ['apis/users/v1/user.proto'])), ['user.proto'])
  t.strictSame(
    names(setOf(files, ['apis/users/v1/user.proto', 'apis/users/v1/users.proto'], ['apis'])),
    ['users/v1/user.proto', 'users/v1/users.proto'],
    'a file that is named and imported is one file',
  )
})

t.test('what a file imports for others is seen by those, and what it imports for itself is not', async (t) => {
  const files = {
    'a.proto': 'syntax = "proto3"; package a; import "b.proto"; message A { b.B b = 1; c.C c = 2; }',
    'b.proto': 'syntax = "proto3"; package b; import public "c.proto"; message B {}',
    'c.proto': 'syntax = "proto3"; package c; message C {}',
  }

  t.ok(setOf(files, ['a.proto']))
  t.match(faultsOf({ ...files, 'b.proto': files['b.proto'].replace('public ', '') }, ['a.proto']), [
    { file: 'a.proto', at: { line: 1, column: 76 }, message: /no type c\.C in what the file imports/, remedy: /import "c\.proto"/ },
  ])
})

const proto3 = (body: string): string => `syntax = "proto3";\npackage p;\n${body}`

const wrong: readonly (readonly [name: string, text: string, at: `${number}:${number}`, message: RegExp, remedy: RegExp])[] = [
  ['a word that belongs to nothing', proto3('mesage A {}'), '3:1', /expected message, enum, .*found 'mesage'/, /correct/],
  ['a field without a number', proto3('message A { string a; }'), '3:21', /expected '=', found ';'/, /correct/],
  ['a message without its end', proto3('message A { string a = 1;'), '3:26', /expected a field, found the end of the file/, /correct/],
  ['a string without its end', 'syntax = "proto3;\n', '1:10', /string has no end/, /close it/],
  ['a comment without its end', '/* syntax', '1:1', /comment has no end/, /close it/],
  ['an escape that is none', 'syntax = "proto\\q";', '1:10', /escape/, /\\x41/],
  ['a syntax nobody knows', 'syntax = "proto4";', '1:1', /syntax 'proto4' is not known/, /proto3/],
  ['an edition nobody knows', 'edition = "2042";', '1:11', /edition '2042' is not known/, /2023/],
  ['a group', 'message A { optional group G = 1 { } }', '1:22', /groups are not supported/, /make a message of it/],
  ['a type that is not there', proto3('message A { Bee b = 1; }'), '3:17', /no type Bee/, /check its name/],
  ['a type inside of another that is not there', proto3('message A { message B {} A.C c = 1; }'), '3:30', /no type A\.C/, /check its name/],
  ['an enum for a request', proto3('enum E { Z = 0; }\nservice S { rpc M (E) returns (E); }'), '4:17', /E is an enum/, /name a message/],
  ['a name that stands twice', proto3('message A {}\nenum A { Z = 0; }'), '4:6', /p\.A is defined twice/, /differently/],
  ['a number that stands twice', proto3('message A { int32 a = 1; int32 b = 1; }'), '3:32', /b has the number 1, as a has/, /another/],
  ['a reserved number', proto3('message A { reserved 1 to 3; int32 b = 2; }'), '3:36', /number 2 is reserved/, /another/],
  ['a reserved name', proto3('message A { reserved "b"; int32 b = 2; }'), '3:33', /name b is reserved/, /differently/],
  ['a number out of range', proto3('message A { int32 a = 536870912; }'), '3:23', /536870912 is no number/, /1 to 536870911/],
  ['a number of protobuf itself', proto3('message A { int32 a = 19500; }'), '3:23', /19500 is reserved/, /outside/],
  ['an enum of proto3 that does not begin with 0', proto3('enum E { ONE = 1; }'), '3:10', /first value of E is 1/, /0/],
  ['an enum without a value', proto3('enum E { }'), '3:6', /E has no value/, /give it one/],
  ['a required field of proto3', proto3('message A { required int32 a = 1; }'), '3:13', /required is of proto2/, /leave it out/],
  ['a field of proto2 that says nothing', 'message A { int32 a = 1; }', '1:13', /expected optional, required or repeated/, /proto3/],
  ['a key of a map that is none', proto3('message A { map<double, int32> a = 1; }'), '3:17', /cannot be the key/, /bool or string/],
  [
    'a repeated field of a oneof',
    proto3('message A { oneof o { repeated int32 a = 1; } }'),
    '3:23',
    /cannot be repeated/,
    /leave repeated out/,
  ],
  [
    'a default that does not fit',
    'message A { optional int32 a = 1 [default = "x"]; }',
    '1:45',
    /default does not fit/,
    /type of the field/,
  ],
  ['an import that is not there', proto3('import "b.proto";'), '3:8', /no b\.proto in the folder of the config/, /protoPath/],
  ['an import out of the folder', proto3('import "../b.proto";'), '3:8', /'\.\.\/b\.proto' is not the name/, /protoPath/],
  ['a file that imports itself', proto3('import "a.proto";'), '3:8', /a\.proto imports this file/, /break the circle/],
  ['an option that is not there', proto3('option (p.none) = 1;'), '3:8', /no option \(p\.none\)/, /check its name/],
  [
    'an option that protobuf does not have',
    proto3('message A { option depricated = true; }'),
    '3:20',
    /no option depricated/,
    /known: .*deprecated/,
  ],
  ['an option of the wrong type', proto3('message A { option deprecated = 1; }'), '3:20', /value does not fit/, /true or false/],
  ['an option set twice', proto3('message A { option deprecated = true; option deprecated = true; }'), '3:46', /set twice/, /keep one/],
  [
    'a rule that is not imported',
    proto3('message A {}\nservice S { rpc M (A) returns (A) { option (google.api.http).get = "/a"; } }'),
    '4:44',
    /no option \(google\.api\.http\)/,
    /import the file/,
  ],
  [
    'a rule with a field that is not there',
    proto3(
      'import "google/api/annotations.proto";\nmessage A {}\nservice S { rpc M (A) returns (A) { option (google.api.http) = { gett: "/a" }; } }',
    ),
    '5:44',
    /no field gett/,
    /known: .*get/,
  ],
]

for (const [name, text, at, message, remedy] of wrong) {
  t.test(`${name} is told once, with its file, line and column and what to do`, async (t) => {
    const faults = faultsOf({ 'a.proto': text })

    t.equal(faults.length, 1, JSON.stringify(faults))
    t.equal(`${faults[0]?.at?.line}:${faults[0]?.at?.column}`, at)
    t.match(faults[0], { file: 'a.proto', message, remedy })
  })
}

t.test('what is wrong in several files is told at once', async (t) => {
  const files = { 'a.proto': proto3('message A { X x = 1; }'), 'b.proto': 'package b;\nmessage B {\n  optional Y y = 1;\n}' }

  t.match(faultsOf(files), [
    { file: 'a.proto', at: { line: 3 } },
    { file: 'b.proto', at: { line: 3, column: 14 } },
  ])
  t.match(faultsOf({}, ['none.proto']), [{ file: 'none.proto', at: null, message: 'there is no such file' }])
})

t.test('a set says what services it has, and what of a request fits into a path', async (t) => {
  const body = 'message Get { string id = 1; repeated string tags = 2; Get in = 3; google.protobuf.Timestamp at = 4; }'
  const text = proto3(
    `import "google/protobuf/timestamp.proto";\n${body}\nservice S { rpc Get (Get) returns (Get); rpc List (Get) returns (stream Get); }`,
  )
  const read = openSet(setOf({ 'a.proto': text }))
  t.equal(read.is, 'opened')
  if (read.is !== 'opened') return
  const { set } = read

  t.strictSame([set.services, set.methods('p.S'), set.methods('p.T'), set.request('p.S/Put')], [['p.S'], ['Get', 'List'], [], undefined])
  const fields = set.request('p.S/Get')
  t.strictSame(
    ['id', 'tags', 'in', 'at', 'no'].map((name) => fields?.inPath(name)),
    ['fits', 'repeated', 'message', 'fits', 'none'],
  )
  t.match(openSet(setOf({ 'a.proto': proto3('message A {}') })), { is: 'faults', faults: [{ message: /no service/ }] })
  t.match(openSet(Buffer.from('no set')), { is: 'faults' })
})
