import t from 'tap'
import type { PathPattern } from '../../src/engine/router.ts'
import { aim } from '../../src/stages/aim.ts'
import { reach } from '../../src/stages/reach.ts'
import { callOf } from '../engine/shapes.ts'
import { outcomeOf, tenantOf } from './helpers.ts'

interface Place {
  readonly path?: PathPattern
  readonly rewrite?: string | null
  readonly base?: string
  readonly isShared?: boolean
  readonly tenant?: ReturnType<typeof tenantOf> | null
}

async function ask(line: string, place: Place = {}): Promise<string> {
  const { path = { is: 'prefix', path: '/' }, rewrite = null, base = '', isShared = true, tenant = tenantOf() } = place
  const call = callOf(`${line} HTTP/1.1\nhost: a`)
  call.tenant = tenant
  call.route = { name: 'v1/messages', family: 'v1/messages', slot: 0, upstream: 'claude', upstreamSlot: 0, kind: 'claude' }
  const pointed = aim({ path, rewrite, base })
  const stage = reach({ path, rewrite, base, isShared })
  const { error } = await outcomeOf((call, next) => pointed(call, (call) => stage(call, next)), call)
  return error === null ? 'passes' : `${error.failure}: ${error.message}`
}

t.test('a tenant is held to its routes, and told which one it asked for', async (t) => {
  const tenant = tenantOf({ routes: ['v1/models'] })

  t.equal(await ask('POST /v1/messages', { tenant }), 'forbidden: tenant search may not call the route v1/messages')
  t.equal(await ask('POST /v1/messages', { tenant: tenantOf({ routes: ['x', 'v1/messages'] }) }), 'passes')
  t.equal(await ask('POST /v1/messages', { tenant: null }), 'passes')
})

for (const line of [
  'POST /v1/messages',
  'POST /v1/messages?beta=true',
  'POST /v1/messages/count_tokens?beta=true',
  'GET /v1/models?limit=1000',
  'HEAD /v1/models',
  'GET /v1/models/claude-opus-5-5',
  'HEAD /v1/models/anthropic.claude-v2:1@x',
]) {
  t.test(`on a shared credential ${line} passes`, async (t) => {
    t.equal(await ask(line), 'passes')
    t.equal(await ask(line.replace('/v1', '/anthropic/v1'), { path: { is: 'prefix', path: '/anthropic' } }), 'passes')
    t.equal(await ask(line, { base: '/v1/projects/x' }), 'passes')
    t.equal(await ask(line.replace('/v1', '/b'), { path: { is: 'prefix', path: '/b' }, rewrite: '', base: '/anthropic/v1' }), 'passes')
    t.equal(await ask(line.replace('/v1', '/b'), { path: { is: 'prefix', path: '/b' }, rewrite: '/gw/v1' }), 'passes')
  })
}

for (const line of [
  'POST /v1/messages/',
  'POST //v1/messages',
  'POST /v1//messages',
  'POST /v1/messages/count_tokens/x',
  'POST /v1/mess%61ges',
  'POST /V1/messages',
  'POST /v1/messages;x',
  'POST /v1/files/v1/messages',
  'POST /v1/v1/messages',
  'POST /x/v1/messages',
  'POST /v1%2ffiles/v1/messages',
  'GET /v1/messages',
  'PUT /v1/messages',
  'POST /v1/messages/batches',
  'GET /v1/messages/batches',
  'GET /v1/messages/batches/msgbatch_1/results',
  'DELETE /v1/messages/batches/msgbatch_1',
  'GET /v1/files/file_1/content',
  'POST /v1/files',
  'POST /v1/models',
  'GET /v1/models/',
  'GET /v1/models/a/b',
  'GET /v1/models/a%2fb',
  'POST /v1/chat/completions',
  'GET /',
]) {
  t.test(`on a shared credential ${line} is forbidden, and the answer says why`, async (t) => {
    t.match(await ask(line), /^forbidden: tenants share this upstream's credential/)
    t.equal(await ask(line, { isShared: false }), 'passes')
    t.equal(await ask(line, { tenant: null }), 'passes')
  })
}

t.test('what a template puts into a path is the caller’s, and cannot stand for the operator’s', async (t) => {
  const path = { is: 'template', template: '/{a}/{b}' } as const

  t.match(await ask('GET /files/models', { path, rewrite: '/v1/{a}/v1/{b}' }), /^forbidden/)
  t.match(await ask('POST /x/messages', { path, rewrite: '/{a}/v1/{b}' }), /^forbidden/)
  t.equal(await ask('POST /x/messages', { path, rewrite: '/v1/{b}' }), 'passes')
})
