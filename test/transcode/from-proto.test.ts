import t from 'tap'
import { compileProto } from '../../src/descriptors/compile.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import { asked, shown } from './shop.ts'

const source = `
syntax = "proto3";
package library.v1;
import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";

service Library {
  rpc GetBook(GetBookRequest) returns (Book) {
    option (google.api.http) = {
      get: "/v1/{name=shelves/*/books/*}"
      additional_bindings { get: "/v1/books/{name}" }
      additional_bindings { custom { kind: "HEAD" path: "/v1/{name=shelves/*/books/*}" } }
    };
  }
  rpc ListBooks(ListBooksRequest) returns (ListBooksReply) {
    option (google.api.http) = { get: "/v1/{parent=shelves/*}/books" response_body: "books" };
  }
  rpc UpdateBook(UpdateBookRequest) returns (Book) {
    option (google.api.http).patch = "/v1/{book.name=shelves/*/books/*}";
    option (google.api.http).body = "book";
  }
  rpc MoveBook(MoveBookRequest) returns (Book) {
    option (google.api.http) = { post: "/v1/{name=shelves/*/books/*}:move" body: "*" };
  }
  rpc DeleteBook(GetBookRequest) returns (google.protobuf.Empty) {
    option (google.api.http) = { delete: "/v1/{name=shelves/*/books/*}" };
  }
}
message Book { string name = 1; string author_name = 2; repeated string genres = 3; }
message GetBookRequest { string name = 1; }
message ListBooksRequest { string parent = 1; int32 page_size = 2; string page_token = 3; }
message ListBooksReply { repeated Book books = 1; string next_page_token = 2; }
message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
message MoveBookRequest { string name = 1; string other_shelf_name = 2; }
`

t.test('a .proto file as services have it is compiled and its methods are reached by their rules', async (t) => {
  const compiled = compileProto({ files: ['library/v1.proto'], folders: [], read: (path) => (path === 'library/v1.proto' ? source : null) })
  if (compiled.is !== 'set') throw new Error(JSON.stringify(compiled))
  const of = transcoder({ descriptors: compiled.bytes, mostMessage: 1000 })

  const book = 'shelves/a/books/b'
  const calls: readonly (readonly [call: string, body: string, method: string, message: unknown])[] = [
    [`GET /v1/${book}`, '', 'GetBook', { name: book }],
    ['GET /v1/books/x%2Fy', '', 'GetBook', { name: 'x/y' }],
    [`HEAD /v1/${book}`, '', 'GetBook', { name: book }],
    ['GET /v1/shelves/a/books?pageSize=5&page_token=t', '', 'ListBooks', { parent: 'shelves/a', pageSize: 5, pageToken: 't' }],
    [
      `PATCH /v1/${book}?updateMask=author_name`,
      '{"authorName":"c"}',
      'UpdateBook',
      { book: { name: book, authorName: 'c' }, updateMask: 'authorName' },
    ],
    [`POST /v1/${book}:move`, '{"other_shelf_name":"d"}', 'MoveBook', { name: book, otherShelfName: 'd' }],
    [`DELETE /v1/${book}`, '', 'DeleteBook', { name: book }],
  ]
  for (const [call, body, method, message] of calls) {
    const { match, query } = asked(of, call)
    t.equal(match.method.path, `/library.v1.Library/${method}`, call)
    t.strictSame(shown(match.method.input, match.request(query, Buffer.from(body), '')), message, call)
  }
  t.equal(
    asked(of, 'GET /v1/shelves/a/books')
      .match.reply(Buffer.from([0x0a, 3, 0x0a, 1, 0x78]))
      .bytes.toString(),
    '[{"name":"x"}]',
  )
  t.strictSame(of.find('PUT', `/v1/${book}`), { is: 'other_method', allow: ['GET', 'HEAD', 'PATCH', 'DELETE'] })
})
