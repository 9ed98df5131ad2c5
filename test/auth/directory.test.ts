import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { directoryReader, directoryWriter } from '../../src/auth/directory.ts'
import { startOf } from '../../src/auth/directory-memory.ts'

const digest = (name: string) => createHash('sha256').update(name).digest('latin1')

function world() {
  const moves: SharedArrayBuffer[] = []
  const writer = directoryWriter({ moved: (memory) => moves.push(memory) })
  return { writer, moves, reader: directoryReader(writer.memory) }
}

t.test('a key is found as soon as it is written, and gone as soon as it is revoked', async (t) => {
  const { writer, reader } = world()

  writer.setKeys(7, [digest('a'), digest('b')])
  const both = [reader.find(digest('a')), reader.find(digest('b')), reader.find(digest('c'))]
  writer.setKeys(7, [digest('b'), digest('c')])
  const rotated = [reader.find(digest('a')), reader.find(digest('b')), reader.find(digest('c'))]
  writer.setKeys(7, [])
  const none = [reader.find(digest('b')), reader.find(digest('c'))]

  t.same(both, [7, 7, -1])
  t.same(rotated, [-1, 7, 7])
  t.same(none, [-1, -1])
  t.equal(writer.keys, 0)
})

t.test('the whole digest is compared: one that differs in its last byte alone is nobody’s', async (t) => {
  const { writer, reader } = world()
  const mine = digest('a')
  const other = mine.slice(0, -1) + String.fromCharCode(mine.charCodeAt(31) ^ 1)

  writer.setKeys(0, [mine])

  t.equal(reader.find(other), -1)
  t.equal(reader.find(mine), 0)
})

t.test('keys that begin their search at the same place are all found, also behind a revoked one', async (t) => {
  const { writer, reader } = world()
  const first = digest('0')
  const crowd = [first]
  for (let n = 1; crowd.length < 4; n++) if (startOf(digest(`${n}`), 1024) === startOf(first, 1024)) crowd.push(digest(`${n}`))

  crowd.forEach((one, id) => writer.setKeys(id, [one]))
  writer.setKeys(1, [])

  t.same(
    crowd.map((one) => reader.find(one)),
    [0, -1, 2, 3],
  )
})

t.test('a key that is another tenant’s stays with that one, and is told', async (t) => {
  const { writer, reader } = world()
  writer.setKeys(1, [digest('a')])

  const others = writer.setKeys(2, [digest('a'), digest('b')])

  t.same(others, [digest('a')])
  t.equal(writer.owner(digest('a')), 1)
  t.equal(reader.find(digest('b')), 2)
})

t.test('a hundred thousand tenants with two keys each fit, and a table full of revoked keys is cleared', async (t) => {
  const { writer, moves, reader } = world()
  for (let id = 0; id < 100_000; id++) writer.setKeys(id, [digest(`${id}a`), digest(`${id}b`)])
  reader.use(writer.memory)
  const bytes = writer.memory.byteLength

  for (let round = 0; round < 2_000; round++) for (let id = 0; id < 100; id++) writer.setKeys(id, [digest(`${id} ${round}`)])
  const found = directoryReader(writer.memory)

  t.equal(writer.keys, 200_000 - 100)
  for (const id of [0, 1, 99]) t.equal(found.find(digest(`${id} 1999`)), id)
  for (const id of [100, 50_000, 99_999]) t.equal(found.find(digest(`${id}b`)), id)
  t.equal(found.find(digest('5 1998')), -1)
  t.ok(moves.length > 2)
  t.ok(bytes < 40e6, `${bytes} bytes`)
  t.ok(writer.memory.byteLength <= 2 * bytes)
})

t.test('generations count on when the directory moves', async (t) => {
  const { writer, moves, reader } = world()
  writer.bump(3)
  writer.bump(3)

  writer.bump(5_000)
  reader.use(moves[0] ?? writer.memory)

  t.equal(moves.length, 1)
  t.equal(reader.generation(3), 2)
  t.equal(reader.generation(5_000), 1)
  t.equal(reader.generation(1e9), -1)
})

t.test('another thread never finds a key under a wrong tenant while keys come and go', async (t) => {
  const { writer } = world()
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ directoryReader }) => {
      const reader = directoryReader(workerData.memory)
      let [hits, misses] = [0, 0]
      const turn = () => {
        for (let round = 0; round < 2000; round++) {
          const which = round % workerData.digests.length
          const id = reader.find(workerData.digests[which])
          if (id === -1) misses++
          else if (id === which) hits++
          else return parentPort.postMessage('wrong')
        }
        if (hits > 1000 && misses > 1000) parentPort.postMessage('right')
        else setImmediate(turn)
      }
      turn()
    })`
  const digests = Array.from({ length: 50 }, (_, id) => digest(`key ${id}`))
  const module = new URL('../../src/auth/directory.ts', import.meta.url).href
  const reading = new Worker(code, { eval: true, workerData: { memory: writer.memory, digests, module } })
  const heard: unknown[] = []
  reading.once('message', (message) => heard.push(message))

  // Few enough rounds for one memory: the reader stays with it.
  for (let round = 0; heard.length === 0; round++) {
    if (round < 6) digests.forEach((one, id) => writer.setKeys(id, [one]))
    await new Promise(setImmediate)
    if (round < 6) digests.slice(0, 25).forEach((_, id) => writer.setKeys(id, []))
  }
  await reading.terminate()

  t.same(heard, ['right'])
})
