import type { JsonObject } from '@bufbuild/protobuf'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import type { TranscoderOptions } from '../../src/transcode/types.ts'
import { asked, shopOf, shown } from './shop.ts'

/** A rule, a call, its body, and the message that comes of it (as JSON), or what the caller is told. */
interface Case {
  readonly rule?: JsonObject
  readonly in?: string
  readonly call: string
  readonly body?: string | Uint8Array
  readonly type?: string
  readonly gives?: JsonObject
  readonly fails?: RegExp
  readonly as?: string
  readonly options?: Partial<TranscoderOptions>
}

const get = { get: '/v1/{name}' }
const list = { get: '/v1/things' }
const whole = { post: '/v1/things', body: '*' }
const field = { patch: '/v1/{name}', body: 'owner' }
const loose = { discardUnknown: true }

const tables: Readonly<Record<string, readonly Case[]>> = {
  'a path variable becomes its field, escapes decoded': [
    { rule: get, call: 'GET /v1/x', gives: { name: 'x' } },
    { rule: get, call: 'GET /v1/a%20b%2Fc+', gives: { name: 'a b/c+' } },
    { rule: get, call: 'GET /v1/caf%C3%A9', gives: { name: 'café' } },
    { rule: get, call: 'GET /v1/%F0%9F%98%80', gives: { name: '😀' } },
    { rule: get, call: 'GET /v1/%00', gives: { name: '\0' } },
    { rule: get, call: 'GET /v1/a%252Fb', gives: { name: 'a%2Fb' } },
    { rule: get, call: 'GET /v1/%zz', fails: /"%zz" is not percent-coded UTF-8/ },
    { rule: get, call: 'GET /v1/a%2', fails: /not percent-coded/ },
    { rule: get, call: 'GET /v1/%FF', fails: /"%FF" is not percent-coded UTF-8/ },
    { rule: { get: '/v1/{name=things/*}' }, call: 'GET /v1/things/a%2Fb%20c', gives: { name: 'things/a%2Fb c' } },
    { rule: { get: '/v1/{name=things/*}' }, call: 'GET /v1/things/a%2fb', gives: { name: 'things/a%2fb' } },
    { rule: { get: '/v1/{name=things/*}' }, call: 'GET /v1/things/%21%23%24%25%2B', gives: { name: 'things/!#$%+' } },
    { rule: { get: '/v1/{name=**}' }, call: 'GET /v1/a%2Fb/c%20d/', gives: { name: 'a%2Fb/c d/' } },
    { rule: { get: '/v1/{name=**}' }, call: 'GET /v1', gives: {} },
    { rule: { get: '/v1/{name=a/**}/x:go' }, call: 'GET /v1/x', fails: /./, as: 'config' },
    { rule: { get: '/v1/{name=a/**}:go' }, call: 'GET /v1/a/b/c:go', gives: { name: 'a/b/c' } },
    { rule: { get: '/v1/{name}:go' }, call: 'GET /v1/x:y:go', gives: { name: 'x:y' } },
    { rule: { get: '/v1/*/{name}' }, call: 'GET /v1/ignored/x', gives: { name: 'x' } },
    {
      rule: { get: '/v1/{owner.id}/{owner.parent.id}/{name}' },
      call: 'GET /v1/a/b/c',
      gives: { name: 'c', owner: { id: 'a', parent: { id: 'b' } } },
    },
    { rule: { get: '/v1/{owner.fullName}' }, call: 'GET /v1/a', gives: { owner: { fullName: 'a' } } },
    { rule: { get: '/v1/{size}' }, call: 'GET /v1/-5', gives: { size: -5 } },
    { rule: { get: '/v1/{size}' }, call: 'GET /v1/abc', fails: /field "size": expected int32, got "abc"/ },
    { rule: { get: '/v1/{size}' }, call: 'GET /v1/2147483648', fails: /field "size": expected int32, got "2147483648"/ },
    { rule: { get: '/v1/{big}' }, call: 'GET /v1/-9223372036854775808', gives: { big: '-9223372036854775808' } },
    { rule: { get: '/v1/{color}' }, call: 'GET /v1/DARK_BLUE', gives: { color: 'DARK_BLUE' } },
    { rule: { get: '/v1/{is_ok}' }, call: 'GET /v1/true', gives: { isOk: true } },
    { rule: { get: '/v1/{made_at}' }, call: 'GET /v1/2026-01-02T03:04:05Z', gives: { madeAt: '2026-01-02T03:04:05Z' } },
    { rule: { get: '/v1/{data}' }, call: 'GET /v1/-_8', gives: { data: '+/8=' } },
    { rule: { get: '/v1/{text}' }, call: 'GET /v1/x', gives: { text: 'x' } },
    { rule: { get: '/v1/{who.id}' }, call: 'GET /v1/x', gives: { who: { id: 'x' } } },
    { rule: { get: '/v1/{nick}' }, call: 'GET /v1/x', gives: { nick: 'x' } },
    { rule: { get: '/v1/{s}' }, in: 'Wrapped', call: 'GET /v1/x', gives: { s: 'x' } },
  ],
  'query parameters become fields, by either name and by path': [
    { rule: list, call: 'GET /v1/things', gives: {} },
    { rule: list, call: 'GET /v1/things?', gives: {} },
    { rule: list, call: 'GET /v1/things?&&name=x&', gives: { name: 'x' } },
    { rule: list, call: 'GET /v1/things?name=a%20b+c%2B', gives: { name: 'a b c+' } },
    { rule: list, call: 'GET /v1/things?name=a=b', gives: { name: 'a=b' } },
    { rule: list, call: 'GET /v1/things?name=', gives: {} },
    { rule: list, call: 'GET /v1/things?nick', gives: { nick: '' } },
    { rule: list, call: 'GET /v1/things?n%61me=x', gives: { name: 'x' } },
    { rule: list, call: 'GET /v1/things?is_ok=true', gives: { isOk: true } },
    { rule: list, call: 'GET /v1/things?isOk=true', gives: { isOk: true } },
    { rule: list, call: 'GET /v1/things?isOk=false', gives: {} },
    { rule: list, call: 'GET /v1/things?%40etag=x', gives: { '@etag': 'x' } },
    {
      rule: list,
      call: 'GET /v1/things?owner.full_name=a&owner.parent.fullName=b',
      gives: { owner: { fullName: 'a', parent: { fullName: 'b' } } },
    },
    { rule: list, call: 'GET /v1/things?owner.nums=1&owner.nums=2', gives: { owner: { nums: [1, 2] } } },
    { rule: list, call: 'GET /v1/things?tags=a&tags=b&name=x&tags=', gives: { name: 'x', tags: ['a', 'b', ''] } },
    { rule: list, call: 'GET /v1/things?tags=a,b', gives: { tags: ['a,b'] } },
    { rule: get, call: 'GET /v1/x?size=3', gives: { name: 'x', size: 3 } },
    { rule: get, call: 'GET /v1/x?name=x', gives: { name: 'x' } },
    { rule: get, call: 'GET /v1/x?name=y', fails: /field "name" is said twice, and differently: the query says "y"/ },
    { rule: { get: '/v1/{size}' }, call: 'GET /v1/0?size=0', gives: {} },
    { rule: { get: '/v1/{size}' }, call: 'GET /v1/0?size=5', fails: /field "size" is said twice, and differently: the query says "5"/ },
    { rule: { get: '/v1/{is_ok}' }, call: 'GET /v1/false?isOk=true', fails: /field "is_ok" is said twice/ },
    { rule: { get: '/v1/{name=**}' }, call: 'GET /v1?name=x', fails: /field "name" is said twice/ },
    { rule: { get: '/v1/{owner.age}' }, call: 'GET /v1/0?owner.age=1', fails: /field "owner.age" is said twice/ },
    { rule: { get: '/v1/{color}' }, call: 'GET /v1/NONE?color=1', fails: /field "color" is said twice/ },
    { rule: { get: '/v1/{lasts}' }, call: 'GET /v1/0s?lasts=1s', fails: /field "lasts" is said twice/ },
    { rule: list, call: 'GET /v1/things?size=1&size=1', fails: /"size" is said more than once, and "size" is not repeated/ },
    { rule: list, call: 'GET /v1/things?size=0&size=0', fails: /more than once/ },
    { rule: list, call: 'GET /v1/things?is_ok=true&isOk=true', fails: /"isOk" is said more than once, and "is_ok" is not repeated/ },
    { rule: list, call: 'GET /v1/things?owner.age=1&owner.age=2', fails: /"owner.age" is said more than once/ },
    { rule: list, call: 'GET /v1/things?name=%zz', fails: /"%zz" is not percent-coded/ },
    { rule: list, call: 'GET /v1/things?%E9=1', fails: /"%E9" is not percent-coded/ },
  ],
  'values of a query are read by the type of their field': [
    { rule: list, call: 'GET /v1/things?size=007', gives: { size: 7 } },
    { rule: list, call: 'GET /v1/things?size=+7', fails: /expected int32, got " 7"/ },
    { rule: list, call: 'GET /v1/things?size=1.0', fails: /expected int32, got "1.0"/ },
    { rule: list, call: 'GET /v1/things?size=', fails: /expected int32, got ""/ },
    { rule: list, call: 'GET /v1/things?size=0x10', fails: /expected int32/ },
    { rule: list, call: 'GET /v1/things?size=99999999999999999999999', fails: /expected int32/ },
    {
      rule: list,
      call: 'GET /v1/things?delta=-2147483648&mark=18446744073709551615',
      gives: { delta: -2147483648, mark: '18446744073709551615' },
    },
    { rule: list, call: 'GET /v1/things?count=4294967295', gives: { count: 4294967295 } },
    { rule: list, call: 'GET /v1/things?count=-1', fails: /field "count": expected uint32, got "-1"/ },
    { rule: list, call: 'GET /v1/things?big=9223372036854775807', gives: { big: '9223372036854775807' } },
    { rule: list, call: 'GET /v1/things?big=9223372036854775808', fails: /expected int64/ },
    { rule: list, call: 'GET /v1/things?huge=18446744073709551615', gives: { huge: '18446744073709551615' } },
    { rule: list, call: 'GET /v1/things?huge=18446744073709551616', fails: /expected uint64/ },
    { rule: list, call: 'GET /v1/things?weight=1.5', gives: { weight: 1.5 } },
    { rule: list, call: 'GET /v1/things?weight=-.5e3', gives: { weight: -500 } },
    { rule: list, call: 'GET /v1/things?weight=NaN', gives: { weight: 'NaN' } },
    { rule: list, call: 'GET /v1/things?weight=-Infinity&ratio=Infinity', gives: { weight: '-Infinity', ratio: 'Infinity' } },
    { rule: list, call: 'GET /v1/things?weight=1e999', fails: /expected a double, got "1e999"/ },
    { rule: list, call: 'GET /v1/things?ratio=1e39', fails: /expected a float, got "1e39"/ },
    { rule: list, call: 'GET /v1/things?weight=1,5', fails: /expected a double/ },
    { rule: list, call: 'GET /v1/things?is_ok=1', fails: /field "is_ok": expected true or false, got "1"/ },
    { rule: list, call: 'GET /v1/things?is_ok', fails: /expected true or false, got ""/ },
    { rule: list, call: 'GET /v1/things?color=RED', gives: { color: 'RED' } },
    { rule: list, call: 'GET /v1/things?color=7', gives: { color: 'DARK_BLUE' } },
    { rule: list, call: 'GET /v1/things?color=99', gives: { color: 99 } },
    { rule: list, call: 'GET /v1/things?color=red', fails: /field "color": expected a value of shop.v1.Color, got "red"/ },
    { rule: list, call: 'GET /v1/things?colors=RED&colors=7&colors=0', gives: { colors: ['RED', 'DARK_BLUE', 'NONE'] } },
    { rule: list, call: 'GET /v1/things?data=%2B%2F8%3D', gives: { data: '+/8=' } },
    { rule: list, call: 'GET /v1/things?data=+/8=', gives: { data: '+/8=' } },
    { rule: list, call: 'GET /v1/things?data=-_8', gives: { data: '+/8=' } },
    { rule: list, call: 'GET /v1/things?data=a*b', fails: /field "data": expected base64, got "a\*b"/ },
    { rule: list, call: 'GET /v1/things?parts=AA&parts=AQ==', gives: { parts: ['AA==', 'AQ=='] } },
    { rule: list, call: 'GET /v1/things?made_at=2026-01-02T03:04:05.5%2B01:00', gives: { madeAt: '2026-01-02T02:04:05.500Z' } },
    { rule: list, call: 'GET /v1/things?made_at=null', fails: /field "made_at": expected a google.protobuf.Timestamp, got "null"/ },
    { rule: list, call: 'GET /v1/things?lasts=1.5s', gives: { lasts: '1.500s' } },
    { rule: list, call: 'GET /v1/things?lasts=1m', fails: /expected a google.protobuf.Duration, got "1m"/ },
    { rule: list, call: 'GET /v1/things?mask=name,is_ok', gives: { mask: 'name,isOk' } },
    { rule: list, call: 'GET /v1/things?mask=name,owner.fullName', gives: { mask: 'name,owner.fullName' } },
    {
      rule: list,
      call: 'GET /v1/things?times=2026-01-02T00:00:00Z&times=2026-01-03T00:00:00Z',
      gives: { times: ['2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'] },
    },
    { rule: list, call: 'GET /v1/things?more={"a":{"b":[1,null]}}', gives: { more: { a: { b: [1, null] } } } },
    { rule: list, call: 'GET /v1/things?more=[1]', fails: /expected a google.protobuf.Struct/ },
    { rule: list, call: 'GET /v1/things?more={', fails: /field "more": expected a google.protobuf.Struct, got "\{"/ },
    { rule: list, call: 'GET /v1/things?any_value="x"', gives: { anyValue: 'x' } },
    {
      rule: list,
      in: 'Wrapped',
      call: 'GET /v1/things?i64=-1&u32=2&s=x&b=true&raw=AA&d=2.5',
      gives: { i64: '-1', u32: 2, s: 'x', b: true, raw: 'AA==', d: 2.5 },
    },
    { rule: list, in: 'Wrapped', call: 'GET /v1/things?i64=0&s=&b=false', gives: { i64: '0', s: '', b: false } },
    { rule: list, in: 'Wrapped', call: 'GET /v1/things?many=1&many=2', gives: { many: ['1', '2'] } },
    { rule: list, in: 'Wrapped', call: 'GET /v1/things?u32=-1', fails: /field "u32": expected uint32, got "-1"/ },
    { rule: list, in: 'Wrapped', call: 'GET /v1/things?list=[1,"a"]', gives: { list: [1, 'a'] } },
  ],
  'maps are said key by key': [
    { rule: list, call: 'GET /v1/things?labels[a]=x&labels[b]=', gives: { labels: { a: 'x', b: '' } } },
    { rule: list, call: 'GET /v1/things?labels%5Ba%5D=x', gives: { labels: { a: 'x' } } },
    { rule: list, call: 'GET /v1/things?labels[~!@%23$%25^%26*()]=x', gives: { labels: { '~!@#$%^&*()': 'x' } } },
    { rule: list, call: 'GET /v1/things?labels[a]b]=x&labels[]=y', gives: { labels: { 'a]b': 'x', '': 'y' } } },
    { rule: list, call: 'GET /v1/things?labels[__proto__]=x', gives: JSON.parse('{"labels":{"__proto__":"x"}}') },
    { rule: list, call: 'GET /v1/things?shades[-2]=RED', gives: { shades: { '-2': 'RED' } } },
    { rule: list, call: 'GET /v1/things?shades[x]=RED', fails: /field "shades": expected int32, got "x"/ },
    { rule: list, call: 'GET /v1/things?shades[1]=PINK', fails: /field "shades": expected a value of shop.v1.Color/ },
    { rule: list, call: 'GET /v1/things?flags[true]=5', gives: { flags: { true: '5' } } },
    { rule: list, call: 'GET /v1/things?spans[a]=1s', gives: { spans: { a: '1s' } } },
    { rule: list, call: 'GET /v1/things?labels[a]=x&labels[a]=y', fails: /field "labels": the key "a" is said more than once/ },
    { rule: list, call: 'GET /v1/things?labels=x', fails: /field "labels" is a map: say "labels\[key\]=value"/ },
    { rule: list, call: 'GET /v1/things?people[a]=x', fails: /field "people" is a shop.v1.Owner, which is no single value/ },
    { rule: list, call: 'GET /v1/things?name[a]=x', fails: /"name\[a\]": "name" is a single value, not a map/ },
    { rule: list, call: 'GET /v1/things?labels.a=x', fails: /"labels" of shop.v1.Thing is a map/ },
  ],
  'what a query cannot say is refused': [
    { rule: list, call: 'GET /v1/things?nope=1', fails: /query parameter "nope": shop.v1.Thing has no field "nope"/ },
    { rule: list, call: 'GET /v1/things?owner.nope=1', fails: /shop.v1.Owner has no field "nope"/ },
    { rule: list, call: 'GET /v1/things?=1', fails: /query parameter "": shop.v1.Thing has no field ""/ },
    { rule: list, call: 'GET /v1/things?owner=x', fails: /field "owner" is a shop.v1.Owner, which is no single value/ },
    { rule: list, call: 'GET /v1/things?owners=x', fails: /field "owners" is a shop.v1.Owner, which is no single value/ },
    { rule: list, call: 'GET /v1/things?owners.id=x', fails: /"owners" of shop.v1.Thing is repeated/ },
    { rule: list, call: 'GET /v1/things?name.x=1', fails: /"name" of shop.v1.Thing is a single value/ },
    { rule: list, call: 'GET /v1/things?made_at.seconds=1', fails: /"made_at" of shop.v1.Thing is a google.protobuf.Timestamp/ },
    { rule: list, call: 'GET /v1/things?detail=x', fails: /field "detail" is a google.protobuf.Any/ },
    {
      rule: list,
      call: 'GET /v1/things?text=a&number=1',
      fails: /field "number": only one of choice can be said, and "text" is said already/,
    },
    { rule: list, call: 'GET /v1/things?number=0&text=a', fails: /only one of choice/ },
    { rule: list, call: 'GET /v1/things?who.id=a&text=b', fails: /only one of choice can be said, and "who"/ },
    { rule: list, call: 'GET /v1/things?text=b&who.id=a', fails: /field "who.id": only one of choice/ },
    { rule: list, call: 'GET /v1/things?who.id=a&who.age=3', gives: { who: { id: 'a', age: 3 } } },
    { rule: { get: '/v1/{text}' }, call: 'GET /v1/x?number=1', fails: /only one of choice/ },
    { rule: list, call: 'GET /v1/things?constructor=1', fails: /no field "constructor"/ },
    { rule: list, call: 'GET /v1/things?__proto__.x=1', fails: /no field "__proto__"/ },
    { rule: list, call: `GET /v1/things?size=${'9'.repeat(3000)}`, fails: /expected int32, got "9{60}…"$/ },
  ],
  'with discardUnknown, what the message does not have is dropped, and nothing else': [
    { rule: list, options: loose, call: 'GET /v1/things?nope=1&name=x&owner.nope=2', gives: { name: 'x' } },
    { rule: list, options: loose, call: 'GET /v1/things?size=x', fails: /expected int32/ },
    { rule: list, options: loose, call: 'GET /v1/things?owner=x', fails: /no single value/ },
    { rule: whole, options: loose, call: 'POST /v1/things?name=x', body: '{"size":1}', gives: { size: 1 } },
    { rule: whole, options: loose, call: 'POST /v1/things', body: '{"size":1,"nope":{"a":[1]},"color":"PINK"}', gives: { size: 1 } },
    { rule: field, options: loose, call: 'PATCH /v1/x?nope=1', body: '{"id":"a","nope":1}', gives: { name: 'x', owner: { id: 'a' } } },
  ],
  'the body is the message': [
    { rule: whole, call: 'POST /v1/things', body: '{"name":"x","isOk":true,"size":"5"}', gives: { name: 'x', isOk: true, size: 5 } },
    { rule: whole, call: 'POST /v1/things', body: '{"is_ok":true}', gives: { isOk: true } },
    { rule: whole, call: 'POST /v1/things', body: ' \n{ } ', gives: {} },
    { rule: whole, call: 'POST /v1/things', gives: {} },
    { rule: whole, call: 'POST /v1/things', body: '{"big":9007199254740993}', gives: { big: '9007199254740993' } },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: '{"huge":18446744073709551615,"flags":{"true":-9007199254740993},"weight":9007199254740993,"name":"9007199254740993"}',
      gives: { huge: '18446744073709551615', flags: { true: '-9007199254740993' }, weight: 9007199254740992, name: '9007199254740993' },
    },
    { rule: whole, call: 'POST /v1/things', body: '{"big":9223372036854775808}', fails: /shop.v1.Thing.big.*9223372036854775808/ },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: '{"more":{"a":[9007199254740993]},"big":9007199254740995}',
      gives: { more: { a: [9007199254740992] }, big: '9007199254740995' },
    },
    {
      rule: whole,
      in: 'Wrapped',
      call: 'POST /v1/things',
      body: '{"i64":9007199254740993,"many":[9007199254740995]}',
      gives: { i64: '9007199254740993', many: ['9007199254740995'] },
    },
    { rule: whole, call: 'POST /v1/things', body: '{"big":9007199254740993,"name":"a","name":"b"}', fails: /name/ },
    { rule: { post: '/v1', body: 'big' }, call: 'POST /v1', body: '9007199254740993', gives: { big: '9007199254740993' } },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: '{"big":"9007199254740993","weight":"NaN","data":"-_8","color":7}',
      gives: { big: '9007199254740993', weight: 'NaN', data: '+/8=', color: 'DARK_BLUE' },
    },
    { rule: whole, call: 'POST /v1/things', body: '{"owner":null,"name":null,"tags":null}', gives: {} },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: '{"detail":{"@type":"type.googleapis.com/shop.v1.Owner","id":"a"}}',
      gives: { detail: { '@type': 'type.googleapis.com/shop.v1.Owner', id: 'a' } },
    },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: '{"detail":{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}}',
      gives: { detail: { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1s' } },
    },
    { rule: whole, call: 'POST /v1/things', body: '{"detail":{"@type":"type.googleapis.com/nobody.Knows"}}', fails: /nobody.Knows/ },
    { rule: whole, call: 'POST /v1/things', body: '{"name":5}', fails: /shop.v1.Thing.name.*expected string/ },
    { rule: whole, call: 'POST /v1/things', body: '{"size":3000000000}', fails: /shop.v1.Thing.size.*3000000000/ },
    { rule: whole, call: 'POST /v1/things', body: '{"color":"PINK"}', fails: /PINK/ },
    { rule: whole, call: 'POST /v1/things', body: '{"tags":"a"}', fails: /shop.v1.Thing.tags/ },
    { rule: whole, call: 'POST /v1/things', body: '{"nope":1}', fails: /key "nope" is unknown/ },
    { rule: whole, call: 'POST /v1/things', body: '{"text":"a","number":1}', fails: /oneof set multiple times/ },
    { rule: whole, call: 'POST /v1/things', body: '{"name":"a","name":"b"}', fails: /name/ },
    { rule: whole, call: 'POST /v1/things', body: '{"isOk":true,"is_ok":true}', fails: /set multiple times/ },
    { rule: whole, call: 'POST /v1/things', body: '[]', fails: /cannot decode message shop.v1.Thing from JSON/ },
    { rule: whole, call: 'POST /v1/things', body: 'null', fails: /cannot decode message shop.v1.Thing from JSON: null/ },
    { rule: whole, call: 'POST /v1/things', body: '{"name":', fails: /cannot decode message shop.v1.Thing from JSON: .*JSON/ },
    { rule: whole, call: 'POST /v1/things', body: '{"a":1}{"b":2}', fails: /cannot decode/ },
    { rule: whole, call: 'POST /v1/things', body: 'name=x', fails: /JSON/ },
    { rule: whole, call: 'POST /v1/things', body: '\uFEFF{}', fails: /JSON/ },
    { rule: whole, call: 'POST /v1/things', body: Buffer.from([0x22, 0xff, 0x22]), fails: /not UTF-8/ },
    {
      rule: whole,
      call: 'POST /v1/things',
      body: `${'{"owner":{"parent":'.slice(0, 9)}${'{"parent":'.repeat(200)}{}${'}'.repeat(201)}`,
      fails: /depth/,
    },
    { rule: whole, call: 'POST /v1/things?name=x', body: '{}', fails: /query parameter "name": this path takes its fields from the body/ },
    {
      rule: whole,
      options: { mostMessage: 10 },
      call: 'POST /v1/things',
      body: '{"size":12345}',
      fails: /longer than 10 bytes/,
      as: 'too_large',
    },
    {
      rule: { post: '/v1/{name}', body: '*' },
      options: { mostMessage: 10 },
      call: 'POST /v1/123456789',
      body: '{}',
      fails: /longer than 10 bytes/,
      as: 'too_large',
    },
    { rule: whole, in: 'google.protobuf.Struct', call: 'POST /v1/things', body: '{"a":[1]}', gives: { a: [1] } },
    { rule: whole, in: 'google.protobuf.Empty', call: 'POST /v1/things', body: '{}', gives: {} },
    { rule: whole, in: 'google.protobuf.Empty', call: 'POST /v1/things', body: '{"a":1}', fails: /key "a" is unknown/ },
  ],
  'the body is one field, the rest comes from path and query': [
    { rule: field, call: 'PATCH /v1/x?size=1', body: '{"id":"a"}', gives: { name: 'x', size: 1, owner: { id: 'a' } } },
    { rule: field, call: 'PATCH /v1/x', gives: { name: 'x' } },
    { rule: field, call: 'PATCH /v1/x', body: '{}', gives: { name: 'x', owner: {} } },
    { rule: field, call: 'PATCH /v1/x', body: 'null', gives: { name: 'x' } },
    { rule: field, call: 'PATCH /v1/x?owner.id=a', body: '{}', fails: /query parameter "owner.id": "owner" is the body/ },
    { rule: field, call: 'PATCH /v1/x?owner=a', body: '{}', fails: /"owner" is the body/ },
    { rule: field, call: 'PATCH /v1/x', body: '{},"name":"y"', fails: /JSON/ },
    { rule: field, call: 'PATCH /v1/x', body: '{}} , {"name":{', fails: /JSON/ },
    { rule: field, call: 'PATCH /v1/x', body: '"text"', fails: /cannot decode message shop.v1.Owner from JSON: "text"/ },
    { rule: field, call: 'PATCH /v1/x', body: '{"id":"a","id":"b"}', fails: /id/ },
    { rule: { patch: '/v1/{owner.id}', body: 'owner' }, call: 'PATCH /v1/a', body: '{"age":3}', gives: { owner: { id: 'a', age: 3 } } },
    { rule: { patch: '/v1/{owner.id}', body: 'owner' }, call: 'PATCH /v1/a', body: '{"id":"a"}', gives: { owner: { id: 'a' } } },
    {
      rule: { patch: '/v1/{owner.id}', body: 'owner' },
      call: 'PATCH /v1/a',
      body: '{"id":"b"}',
      fails: /field "owner.id" is said twice, and differently: the path says "a"/,
    },
    { rule: { patch: '/v1/{owner.id}', body: 'owner' }, call: 'PATCH /v1/a', gives: { owner: { id: 'a' } } },
    { rule: { post: '/v1', body: 'tags' }, call: 'POST /v1?name=x', body: '["a","b"]', gives: { name: 'x', tags: ['a', 'b'] } },
    {
      rule: { post: '/v1', body: 'owners' },
      call: 'POST /v1',
      body: '[{"id":"a"},{"id":"b"}]',
      gives: { owners: [{ id: 'a' }, { id: 'b' }] },
    },
    { rule: { post: '/v1', body: 'labels' }, call: 'POST /v1', body: '{"a":"x"}', gives: { labels: { a: 'x' } } },
    { rule: { post: '/v1', body: 'name' }, call: 'POST /v1', body: '"x"', gives: { name: 'x' } },
    { rule: { post: '/v1', body: 'size' }, call: 'POST /v1', body: '"x"', fails: /shop.v1.Thing.size/ },
    { rule: { post: '/v1', body: 'color' }, call: 'POST /v1', body: '"RED"', gives: { color: 'RED' } },
    { rule: { post: '/v1', body: 'is_ok' }, call: 'POST /v1', body: 'true', gives: { isOk: true } },
    { rule: { post: '/v1', body: 'isOk' }, call: 'POST /v1', body: 'true', gives: { isOk: true } },
    { rule: { post: '/v1', body: 'more' }, call: 'POST /v1', body: '{"a":1}', gives: { more: { a: 1 } } },
    { rule: { post: '/v1', body: 'any_value' }, call: 'POST /v1', body: '[1]', gives: { anyValue: [1] } },
    { rule: { post: '/v1', body: 'text' }, call: 'POST /v1?number=1', body: '"x"', fails: /only one of choice/ },
    { rule: { post: '/v1', body: 'etag' }, call: 'POST /v1', body: '"x"', gives: { '@etag': 'x' } },
  ],
  'the path goes before the body; a body that says something else is refused': [
    { rule: { put: '/v1/{name}', body: '*' }, call: 'PUT /v1/x', body: '{"size":1}', gives: { name: 'x', size: 1 } },
    { rule: { put: '/v1/{name}', body: '*' }, call: 'PUT /v1/x', body: '{"name":"x"}', gives: { name: 'x' } },
    { rule: { put: '/v1/{name}', body: '*' }, call: 'PUT /v1/x', body: '{"name":""}', gives: { name: 'x' } },
    {
      rule: { put: '/v1/{name}', body: '*' },
      call: 'PUT /v1/x',
      body: '{"name":"y"}',
      fails: /field "name" is said twice, and differently: the path says "x"/,
    },
    { rule: { put: '/v1/{nick}', body: '*' }, call: 'PUT /v1/x', body: '{"nick":""}', fails: /field "nick" is said twice/ },
    { rule: { put: '/v1/{size}', body: '*' }, call: 'PUT /v1/5', body: '{"size":"5"}', gives: { size: 5 } },
    { rule: { put: '/v1/{size}', body: '*' }, call: 'PUT /v1/0', body: '{"size":5}', fails: /field "size" is said twice/ },
    { rule: { put: '/v1/{big}', body: '*' }, call: 'PUT /v1/5', body: '{"big":5}', gives: { big: '5' } },
    { rule: { put: '/v1/{data}', body: '*' }, call: 'PUT /v1/-_8', body: '{"data":"+/8="}', gives: { data: '+/8=' } },
    { rule: { put: '/v1/{data}', body: '*' }, call: 'PUT /v1/-_8', body: '{"data":"AA=="}', fails: /field "data" is said twice/ },
    {
      rule: { put: '/v1/{made_at}', body: '*' },
      call: 'PUT /v1/2026-01-02T00:00:00Z',
      body: '{"madeAt":"2026-01-02T01:00:00+01:00"}',
      gives: { madeAt: '2026-01-02T00:00:00Z' },
    },
    { rule: { put: '/v1/{color}', body: '*' }, call: 'PUT /v1/RED', body: '{"color":1}', gives: { color: 'RED' } },
    {
      rule: { put: '/v1/{text}', body: '*' },
      call: 'PUT /v1/x',
      body: '{"number":1}',
      fails: /field "text": only one of choice can be said, and "number" is said already/,
    },
    { rule: { put: '/v1/{who.id}', body: '*' }, call: 'PUT /v1/x', body: '{"who":{"age":3}}', gives: { who: { id: 'x', age: 3 } } },
    { rule: { put: '/v1/{who.id}', body: '*' }, call: 'PUT /v1/x', body: '{"text":"a"}', fails: /field "who.id": only one of choice/ },
    {
      rule: { put: '/v1/{owner.parent.id}', body: '*' },
      call: 'PUT /v1/x',
      body: '{"owner":{"parent":{"id":"y"}}}',
      fails: /field "owner.parent.id" is said twice/,
    },
    { rule: { put: '/v1/{i64}', body: '*' }, in: 'Wrapped', call: 'PUT /v1/5', body: '{"i64":"5"}', gives: { i64: '5' } },
    { rule: { put: '/v1/{i64}', body: '*' }, in: 'Wrapped', call: 'PUT /v1/5', body: '{"i64":"6"}', fails: /field "i64" is said twice/ },
  ],
  'a rule without a body takes none': [
    { rule: get, call: 'GET /v1/x', body: '{}', fails: /GET \/v1\/\{name\} takes no body, and one of 2 bytes came/ },
    { rule: { delete: '/v1/{name}' }, call: 'DELETE /v1/x', gives: { name: 'x' } },
    { rule: { delete: '/v1/{name}' }, call: 'DELETE /v1/x', body: ' ', fails: /takes no body/ },
    { rule: { custom: { kind: 'HEAD', path: '/v1/{name}' } }, call: 'HEAD /v1/x', gives: { name: 'x' } },
    { rule: { custom: { kind: '*', path: '/v1/{name}' } }, call: 'PURGE /v1/x', gives: { name: 'x' } },
  ],
  'google.api.HttpBody takes any bytes': [
    {
      rule: whole,
      in: 'google.api.HttpBody',
      call: 'POST /v1/things',
      body: 'not {json',
      type: 'text/plain',
      gives: { contentType: 'text/plain', data: 'bm90IHtqc29u' },
    },
    { rule: whole, in: 'google.api.HttpBody', call: 'POST /v1/things', type: '', gives: {} },
    {
      rule: { post: '/v1/{id}', body: 'file' },
      in: 'Upload',
      call: 'POST /v1/x?note=n',
      body: Buffer.from([0xff, 0]),
      type: 'image/png',
      gives: { id: 'x', note: 'n', file: { contentType: 'image/png', data: '/wA=' } },
    },
    {
      rule: { post: '/v1/{id}', body: '*' },
      in: 'Upload',
      call: 'POST /v1/x',
      body: '{"file":{"contentType":"a/b","data":"AA=="}}',
      gives: { id: 'x', file: { contentType: 'a/b', data: 'AA==' } },
    },
  ],
  'a method without annotations is POST at its own path, its body the message': [
    { call: 'POST /shop.v1.Shop/Call', body: '{"name":"x"}', gives: { name: 'x' } },
    { call: 'POST /shop.v1.Shop/Call?name=x', body: '{}', fails: /takes its fields from the body/ },
  ],
}

for (const [name, cases] of Object.entries(tables)) {
  t.test(name, async (t) => {
    for (const each of cases) {
      const said = `${each.call.slice(0, 80)} ${each.body === undefined ? '' : String(each.body).slice(0, 60)}`
      if (each.gives !== undefined) t.strictSame(messageOf(each), each.gives, said)
      else t.match(failureOf(each), { failure: each.as ?? 'bad_request', message: each.fails }, said)
    }
  })
}

function messageOf(each: Case): unknown {
  const { in: input = 'Thing', body = '', rule, options, type = 'application/json' } = each
  const shop = shopOf({ Call: { in: input, out: 'Owner', ...(rule === undefined ? {} : { rule }) } }, options)
  const { match, query } = asked(shop, each.call)
  return shown(match.method.input, match.request(query, Buffer.from(body), type))
}

function failureOf(each: Case): unknown {
  try {
    return { none: messageOf(each) }
  } catch (error) {
    if (error instanceof RelayError) return { failure: error.failure, message: error.message }
    return { failure: 'config', message: String(error) }
  }
}
