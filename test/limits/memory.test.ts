import t from 'tap'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import { storeContract, type MakeStore } from './contract.ts'
import { setMaker } from './world.ts'

const inMemory: MakeStore = async (clock) => {
  const cells = openCells(cellsMemory({ workers: 3, slots: 64 }), 1)
  return { store: memoryStore(cells, { clock }), set: setMaker(clock), close: async () => {} }
}

storeContract(t, 'memory', inMemory)
