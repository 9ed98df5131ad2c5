import t from 'tap'
import { newKey } from '../../src/auth/keys.ts'
import type { Tenant } from '../../src/base/tenant.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply } from '../../src/engine/call.ts'
import { authenticate, withhold } from '../../src/stages/authenticate.ts'
import { callOf, outgoing } from '../engine/shapes.ts'
import { outcomeOf, tenantOf } from './helpers.ts'

const key = newKey()
const other = newKey()
const search = tenantOf()
const known = new Map([
  [key, search],
  [other, tenantOf({ id: 2, name: 'other' })],
])
const stage = authenticate({ tenants: { find: (asked) => known.get(asked) ?? null } })

const ask = (lines: string) => callOf(`POST /v1/messages HTTP/1.1\nhost: a\n${lines}`)

for (const [how, lines] of Object.entries({
  'x-api-key': `x-api-key: ${key}`,
  Bearer: `authorization: Bearer ${key}`,
  'a bearer in another case, with more spaces': `Authorization: bEaReR  \t ${key}`,
  'both, as clients with a key helper do': `authorization: Bearer ${key}\nx-api-key: ${key}`,
})) {
  t.test(`a key in ${how} names its tenant, and does not go upstream`, async (t) => {
    const call = ask(`${lines}\nother: stays`)

    const { status } = await outcomeOf(stage, call)

    t.equal(status, 200)
    t.equal(call.tenant, search)
    t.same(outgoing(call), ['other: stays'])
  })
}

t.test('a credential of another kind beside the key passes, in either field', async (t) => {
  const theirs = ask(`x-api-key: sk-ant-api03-rk_x\nauthorization: Bearer ${key}`)
  const oauth = ask(`x-api-key: ${key}\nauthorization: Bearer sk-ant-oat01`)

  await Promise.all([outcomeOf(stage, theirs), outcomeOf(stage, oauth)])

  t.same(outgoing(theirs), ['x-api-key: sk-ant-api03-rk_x'])
  t.same(outgoing(oauth), ['authorization: Bearer sk-ant-oat01'])
  t.equal(theirs.tenant, search)
  t.equal(oauth.tenant, search)
})

t.test('where nobody is asked for a key, one that comes all the same goes nowhere; other credentials pass', async (t) => {
  const theirs = `rk_live_${'a'.repeat(38)}`
  const cases = [
    [`x-api-key: ${key}\nother: stays`, ['other: stays']],
    [`authorization: Bearer ${key}`, []],
    [`x-api-key: a\nx-api-key: ${key}`, []],
    [`x-api-key: ${theirs}\nauthorization: Bearer ${theirs}`, [`x-api-key: ${theirs}`, `authorization: Bearer ${theirs}`]],
    ['other: stays', ['other: stays']],
  ] as const

  for (const [lines, out] of cases) {
    const call = ask(lines)
    t.equal((await outcomeOf(withhold(), call)).status, 200)
    t.same(outgoing(call), out)
  }
})

const refused: Readonly<Record<string, string>> = {
  'no credential at all': 'other: x',
  'another kind of key alone': 'x-api-key: sk-ant-api03-abc',
  'an unknown key': `x-api-key: ${newKey()}`,
  'an unknown key beside a good one': `x-api-key: ${key}\nauthorization: Bearer ${newKey()}`,
  'two different good keys': `x-api-key: ${key}\nauthorization: Bearer ${other}`,
  'a cut key': `x-api-key: ${key.slice(0, -1)}`,
  'a key with more behind it': `x-api-key: ${key}, ${key}`,
  'a key in another scheme': `authorization: Basic ${key}`,
  'a key without a scheme': `authorization: ${key}`,
  'a scheme of two words': `authorization: Basic Bearer ${key}`,
  'an empty field': 'x-api-key:\nauthorization: Bearer',
  'x-api-key twice': `x-api-key: ${key}\nx-api-key: ${key}`,
  'Authorization twice': `authorization: Bearer ${key}\nauthorization: Bearer ${key}`,
}

for (const [what, lines] of Object.entries(refused)) {
  t.test(`${what} is 401, is not to be tried again, and is not repeated in the answer`, async (t) => {
    const call = ask(lines)

    const { error } = await outcomeOf(stage, call)

    t.match(error, { failure: 'unauthenticated', shouldRetry: false })
    t.notMatch(error?.message ?? '', /rk_|sk-/)
    t.equal(call.tenant, null)
  })
}

t.test('a field that holds a key with something around it never goes upstream', async (t) => {
  for (const value of [`Basic ${key}`, key, `Bearer ${key}, x`, `Digest a="${key}"`, `Bearer x,${key}`]) {
    const call = ask(`x-api-key: ${key}\nauthorization: ${value}`)

    await outcomeOf(stage, call)

    t.same(outgoing(call), [], value)
  }
})

t.test('a tenant that is known is found without a promise', (t) => {
  const call = ask(`x-api-key: ${key}`)
  let isReached = false

  void stage(call, async () => {
    isReached = true
    return new Reply(200, null, Body.of(Buffer.alloc(0)))
  })

  t.ok(isReached)
  t.end()
})

t.test('a tenant that has to be asked for is waited for; a caller that leaves meanwhile ends its call at once', async (t) => {
  const asked: PromiseWithResolvers<Tenant | null>[] = []
  const slow = authenticate({
    tenants: {
      find: () => {
        const answer = Promise.withResolvers<Tenant | null>()
        asked.push(answer)
        return answer.promise
      },
    },
  })
  const [comes, leaves, unknown] = [1, 2, 3].map(() => ask(`x-api-key: ${key}`)) as [
    ReturnType<typeof ask>,
    ReturnType<typeof ask>,
    ReturnType<typeof ask>,
  ]
  const outcomes = [outcomeOf(slow, comes), outcomeOf(slow, leaves), outcomeOf(slow, unknown)]

  leaves.cancel('cancelled')
  const left = await outcomes[1]
  asked[0]?.resolve(search)
  asked[1]?.resolve(search)
  asked[2]?.resolve(null)

  t.match(left, { error: { failure: 'cancelled' } })
  t.match(await outcomes[0], { status: 200 })
  t.match(await outcomes[2], { error: { failure: 'unauthenticated' } })
  t.equal(leaves.tenant, null)
  t.equal(comes.tenant, search)
})
