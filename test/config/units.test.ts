import t from 'tap'
import { isLoopback, readAddress, readBlock } from '../../src/config/address.ts'
import { nearest } from '../../src/config/nearest.ts'
import {
  countText,
  moneyText,
  rateText,
  readAge,
  readBudget,
  readCount,
  readDuration,
  readMoney,
  readRate,
  readSize,
} from '../../src/config/units.ts'

t.test('durations are read with their unit, and bare numbers are ms', async (t) => {
  const good = { '250ms': 250, '30s': 30_000, '10m': 600_000, '1h': 3_600_000, '0s': 0 }
  for (const [written, ms] of Object.entries(good)) t.equal(readDuration(written), ms, written)
  t.equal(readDuration(1500), 1500)

  const bad = ['30', '1.5s', '-1s', 's', '10 m', '10M', '', '999h9', '9999999h', '1constructor']
  for (const written of bad) t.equal(readDuration(written), undefined, written)
  for (const written of [-1, 1.5, Number.NaN, 2 ** 31]) t.equal(readDuration(written), undefined, String(written))
})

t.test('sizes tell MB from MiB, and bare numbers are bytes', async (t) => {
  const good = { '32MB': 32e6, '32MiB': 32 * 2 ** 20, '64KiB': 65_536, '1KB': 1000, '2GiB': 2 ** 31, '5B': 5 }
  for (const [written, bytes] of Object.entries(good)) t.equal(readSize(written), bytes, written)
  t.equal(readSize(100), 100)

  for (const written of ['32', '32mb', '1.5MB', '-1B', '99999GiB', 'MB', '5 KB']) t.equal(readSize(written), undefined, written)
})

t.test('a count is whole, with k, M and G for thousands', async (t) => {
  const good = { '600': 600, '100k': 1e5, '2M': 2e6, '1.5M': 1_500_000, '4.35M': 4_350_000, '1G': 1e9, '1': 1 }
  for (const [written, count] of Object.entries(good)) t.equal(readCount(written), count, written)
  t.equal(readCount(40), 40)

  for (const written of [
    '',
    '0',
    '-1',
    '1.5',
    '0.0001k',
    'k',
    '2m',
    '2 M',
    '10T',
    '1e3',
    '9999G',
    '2MM',
    '1.0001',
    '1.2345k',
    '.5k',
    '5.k',
    '1.2.3k',
  ])
    t.equal(readCount(written), undefined, written)
  for (const written of [0, -1, 1.5, Number.NaN, Infinity, 1e13]) t.equal(readCount(written), undefined, String(written))
})

t.test('a rate is a count and a period, from a second to a month', async (t) => {
  const day = 86_400_000
  const good = {
    '10/s': [10, 1000],
    '600/m': [600, 60_000],
    '2M/h': [2e6, 3_600_000],
    '5M/d': [5e6, day],
    '20M/w': [2e7, 7 * day],
    '100M/month': [1e8, 30 * day],
  } as const
  for (const [written, [count, periodMs]] of Object.entries(good)) {
    t.same(readRate(written), { count, periodMs }, written)
    t.equal(rateText({ count, periodMs }), written)
  }

  const bad = ['600', '600/', '/m', '600/x', '600/min', '0/m', '600 / m', '600/m/s', '600/constructor', '1.5/s']
  for (const written of bad) t.equal(readRate(written), undefined, written)
})

t.test('money is dollars, whole to the nano-dollar', async (t) => {
  const good = {
    '50usd': 50e9,
    '0.25usd': 25e7,
    '0.000000001usd': 1,
    '1.10usd': 11e8,
    '9000000usd': 9e15,
    '1.005usd': 1_005_000_000,
    '9007199.254740991usd': Number.MAX_SAFE_INTEGER,
  }
  for (const [written, nanoUsd] of Object.entries(good)) t.equal(readMoney(written), nanoUsd, written)
  t.equal(moneyText(25e7), '0.25usd')
  t.equal(moneyText(50e9), '50usd')
  t.equal(countText(1_500_000), '1500k')

  for (const written of [
    '50',
    '$50',
    '50eur',
    '0usd',
    '-1usd',
    '1.0000000001usd',
    '.5usd',
    '9999999usd',
    '9007199.254740992usd',
    '1e3usd',
    '1.usd',
    '50 usd',
    '50USD',
    '',
  ]) {
    t.equal(readMoney(written), undefined, written)
  }
})

t.test('a budget is money a day, week or month', async (t) => {
  t.same(readBudget('50usd/day'), { nanoUsd: 50e9, period: 'day' })
  t.same(readBudget('2.5usd/week'), { nanoUsd: 2_500_000_000, period: 'week' })
  t.same(readBudget('1000usd/month'), { nanoUsd: 1000e9, period: 'month' })

  for (const written of ['50usd', '50usd/', '50/day', '0usd/day', '50usd/year', '50usd/d', '50usd/day/day', '']) {
    t.equal(readBudget(written), undefined, written)
  }
})

t.test('what is kept is kept for hours, days, weeks or years', async (t) => {
  const day = 86_400_000
  const good = { '12h': day / 2, '90d': 90 * day, '8w': 56 * day, '2y': 730 * day }
  for (const [written, ms] of Object.entries(good)) t.equal(readAge(written), ms, written)

  for (const written of ['90', '90m', '1.5d', '101y', '-1d', '']) t.equal(readAge(written), undefined, written)
})

t.test('an address is numbers and a port; nothing before the colon means every IPv4 address', async (t) => {
  t.same(readAddress('127.0.0.1:8080'), { host: '127.0.0.1', port: 8080 })
  t.same(readAddress('[::1]:0'), { host: '::1', port: 0 })
  t.same(readAddress('localhost:80'), { host: '127.0.0.1', port: 80 })
  t.same(readAddress(':8080'), { host: '0.0.0.0', port: 8080 })

  const bad = [
    '8080',
    '127.0.0.1',
    '::1:80',
    'example.com:80',
    '1.2.3:80',
    '127.0.0.1:65536',
    '[127.0.0.1]:80',
    '1.2.3.4:80 ',
    '127.0.0.1:-1',
    '',
  ]
  for (const written of bad) t.equal(readAddress(written), undefined, written)
})

t.test('loopback is 127/8 and ::1 and nothing else', async (t) => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1']) t.ok(isLoopback({ host, port: 1 }), host)
  for (const host of ['0.0.0.0', '10.0.0.1', '::', '128.0.0.1', 'fe80::1']) t.notOk(isLoopback({ host, port: 1 }), host)
})

t.test('a trusted proxy is an address or a CIDR block', async (t) => {
  t.equal(readBlock('10.0.0.0/8'), '10.0.0.0/8')
  t.equal(readBlock('192.0.2.1'), '192.0.2.1/32')
  t.equal(readBlock('fd00::/8'), 'fd00::/8')

  for (const written of ['10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'proxy', '10.0.0.0/', '/8', 'fe80::1%eth0', '10.0.0.0/8/8']) {
    t.equal(readBlock(written), undefined, written)
  }
})

t.test('a slip of the pen is told from another word', async (t) => {
  t.equal(nearest('lisen', ['listen', 'log']), 'listen')
  t.equal(nearest('upstrems', ['upstreams', 'routes']), 'upstreams')
  t.equal(nearest('banana', ['listen', 'log', 'routes']), undefined)
})
