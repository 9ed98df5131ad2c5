import t from 'tap'
import { certificate } from './certificates.ts'
import { type Case, tellsEachOnce } from './cases.ts'
import { type Around, planOf } from './helpers.ts'

const secrets: Around = { env: { PW: 'p@ss/w:rd' }, files: { pw: ' fr0m-file\n', 'ca.pem': certificate } }
const redisOf = (written: string) => planOf(`redis: ${written}`, secrets).redis

t.test('Redis is an URL with a number behind it, and TLS where it is rediss://', async (t) => {
  t.same(redisOf('redis://127.0.0.1:6380/2'), {
    mode: { is: 'single', host: '127.0.0.1', port: 6380, db: 2 },
    username: null,
    password: null,
    tls: null,
    prefix: 'relay',
    timeoutMs: 25,
  })
  t.match(redisOf('rediss://cache.internal'), { mode: { host: 'cache.internal', port: 6379, db: 0 }, tls: { ca: null } })
  t.match(redisOf('"redis://[::1]:1/"'), { mode: { host: '::1', port: 1, db: 0 } })
})

t.test('the password comes from the environment or a file, byte for byte', async (t) => {
  t.match(redisOf('"redis://us%65r:${env:PW}@h"'), { username: 'user', password: 'p@ss/w:rd' })
  t.match(redisOf('"redis://:${file:pw}@h:1"'), { username: null, password: 'fr0m-file', mode: { port: 1 } })
  t.match(redisOf('{ url: "redis://h", username: user, password: { env: PW } }'), { username: 'user', password: 'p@ss/w:rd' })
  t.match(redisOf('{ url: "redis://h", password: { file: pw } }'), { password: 'fr0m-file' })
  t.match(redisOf('{ url: "redis://h", password: "${env:PW}" }'), { password: 'p@ss/w:rd' })
})

t.test('a Cluster is some of its nodes, and Sentinels watch a primary by its name', async (t) => {
  t.match(redisOf('{ cluster: [127.0.0.1:7001, h], tls: true, prefix: "shop:relay", timeout: 50ms }'), {
    mode: {
      is: 'cluster',
      nodes: [
        { host: '127.0.0.1', port: 7001 },
        { host: 'h', port: 6379 },
      ],
    },
    tls: { ca: null },
    prefix: 'shop:relay',
    timeoutMs: 50,
  })
  t.match(redisOf('{ sentinel: { name: mymaster, nodes: [h] }, db: 3, tls: { ca: ca.pem } }'), {
    mode: { is: 'sentinel', name: 'mymaster', nodes: [{ host: 'h', port: 26_379 }], db: 3 },
    tls: { ca: certificate },
  })
})

t.test('with Redis, limits are kept there unless the config says memory', async (t) => {
  t.equal(planOf('redis: redis://h').limitStore, 'redis')
  t.equal(planOf('redis: redis://h\nlimitDefaults: { store: memory }').limitStore, 'memory')
  t.equal(planOf('').limitStore, 'memory')
  t.equal(planOf('redis: { url: "redis://h", nodes: 3 }').nodes, 3)
  t.equal(planOf('').nodes, 1)
})

const mistakes: readonly Case[] = [
  ['another scheme', 'redis: http://s3cret', '1:8', 'redis', /not a redis:\/\/ or rediss:\/\/ URL/, /redis:\/\/host:6379/],
  ['no host', 'redis: "redis://"', '1:8', 'redis', /no valid host and port/, /redis:\/\/host/],
  ['a port that is none', 'redis: redis://h:99999', '1:8', 'redis', /no valid host and port/, /redis:\/\/host/],
  ['a query', 'redis: redis://h/0?x=s3cret', '1:8', 'redis', /more than a host/, /redis:\/\/host/],
  ['a password in plain', 'redis: redis://:s3cret@h', '1:8', 'redis', /a password in plain/, /\$\{env:REDIS_PASSWORD\}/],
  ['a plain password with an at', 'redis: redis://u:s3cret@s3cret@h', '1:8', 'redis', /a password in plain/, /env:/],
  ['a plain password inside', 'redis: { url: "redis://h", password: s3cret }', '1:38', 'redis.password', /in plain/, /env:/],
  ['a variable that is not set', 'redis: "redis://:${env:RP}@h"', '1:8', 'redis', /'RP' is not set/, /export RP=/],
  [
    'a file that is not there',
    'redis: { url: "redis://h", password: { file: rp } }',
    '1:46',
    'redis.password.file',
    /no such file/,
    /relative/,
  ],
  ['no secret', 'redis: { url: "redis://h", password: {} }', '1:28', 'redis.password', /names no secret/, /either env/],
  [
    'a password in place of the user',
    'redis: "redis://${env:PW}@h"',
    '1:8',
    'redis',
    /a user that cannot be read/,
    /behind a colon/,
    secrets,
  ],
  [
    'two passwords',
    'redis: { url: "redis://:${env:PW}@h", password: { env: PW } }',
    '1:39',
    'redis.password',
    /given twice/,
    /keep one/,
    secrets,
  ],
  ['nowhere', 'redis: { prefix: x }', '1:8', 'redis', /nowhere to find Redis/, /url, cluster and sentinel/],
  ['two places', 'redis: { url: "redis://h", cluster: [h] }', '1:28', 'redis.cluster', /stands beside `url`/, /keep one/],
  [
    'a node that is none',
    'redis: { cluster: ["redis://:s3cret@h"] }',
    '1:20',
    'redis.cluster.0',
    /not a host and a port/,
    /127\.0\.0\.1:6379/,
  ],
  ['a Sentinel without a primary', 'redis: { sentinel: { nodes: [h] } }', '1:10', 'redis.sentinel.name', /is missing/, /add it/],
  ['a database of a Cluster', 'redis: { cluster: [h], db: 1 }', '1:24', 'redis.db', /db is for Sentinels/, /one database/],
  ['a database beside an URL', 'redis: { url: "redis://h", db: 1 }', '1:28', 'redis.db', /db is for Sentinels/, /behind the URL/],
  ['TLS that the URL denies', 'redis: { url: "redis://h", tls: true }', '1:28', 'redis.tls', /otherwise than redis:\/\//, /rediss:\/\//],
  [
    'no TLS where the URL says so',
    'redis: { url: "rediss://h", tls: false }',
    '1:29',
    'redis.tls',
    /otherwise than rediss:\/\//,
    /leave tls out/,
  ],
  [
    'authorities that are none',
    'redis: { url: "rediss://h", tls: { ca: pw } }',
    '1:40',
    'redis.tls.ca',
    /cannot use the certificate/,
    /PEM/,
    secrets,
  ],
  [
    'a hash tag in the prefix',
    'redis: { url: "redis://h", prefix: "{x}" }',
    '1:36',
    'redis.prefix',
    /cannot begin a key/,
    /letters, digits/,
  ],
  ['a list', 'redis: [s3cret]', '1:8', 'redis', /found something else/, /a string/],
  ['an option that is none', 'redis: { url: "redis://h", timout: 5ms }', '1:28', 'redis.timout', /'timout' is not a key/, /'timeout'/],
]

t.test('Redis: each mistake is told once, where it stands, with a remedy, and never with what is written', async (t) => {
  tellsEachOnce(t, mistakes)
})
