import t from 'tap'

import { watchLag } from '../../src/metrics/lag.ts'

t.test('a thread that was blocked is told to have lagged by about as long', async (t) => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const keepAlive = setInterval(() => {}, 1000)
  const stop = watchLag(resolve, { intervalMs: 50, probeMs: 10 })
  t.teardown(() => {
    stop()
    clearInterval(keepAlive)
  })

  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)

  t.ok((await promise) >= 85, 'all of the 100 ms but for one probe')
})
