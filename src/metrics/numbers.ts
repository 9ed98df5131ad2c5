import { columnStart, headLength, layoutOf, type Layout } from './layout.ts'
import { slotTable, type SlotTable } from './slots.ts'

/** The shared numbers as control holds them: it makes the memory, gives out the slots, reads all columns and buries the dead. */
export interface Numbers {
  /** Goes to every worker, which opens its column of it. */
  readonly memory: SharedArrayBuffer
  readonly layout: Layout
  readonly routeSlots: SlotTable
  readonly upstreamSlots: SlotTable
  readonly tenantSlots: SlotTable
  readonly businessSlots: SlotTable
  /** The slot of a tenant, which is of this business from now on. */
  tenantSlot(tenant: string, business: string): number
  /** The tenants that have a slot of their own, with their businesses. */
  tenantBusinesses(): readonly { readonly tenant: string; readonly business: string }[]
  /** Sums over all workers, alive and dead, in the places of `layout`. */
  read(): Float64Array
  /** The lag of each worker's event loop, in seconds. */
  readLags(): readonly number[]
  /**
   * Moves the counters of a worker that has ended to control's own column and zeroes its gauges. Only after its thread has
   * exited, and before another takes its place: a column has one writer.
   */
  workerDied(index: number): void
}

export interface NumbersOptions {
  readonly workers: number
  /** Slots: so many less one are counted by name, and the first is for all others. */
  readonly routes?: number
  readonly upstreams?: number
  readonly tenants?: number
  readonly businesses?: number
}

/** Makes the memory and its tables. */
export function numbers({ workers, routes = 256, upstreams = 64, tenants = 257, businesses = 65 }: NumbersOptions): Numbers {
  const layout = layoutOf({ workers, routes, upstreams, tenants, businesses })
  const memory = new SharedArrayBuffer((headLength + workers * layout.column) * Float64Array.BYTES_PER_ELEMENT)
  const shared = new Float64Array(memory)
  shared.set([workers, routes, upstreams, tenants, businesses])
  const columns = Array.from({ length: workers }, (_none, index) => {
    const start = columnStart(layout, index)
    return shared.subarray(start, start + layout.column)
  })
  // What dead workers counted: a counter never goes back.
  const past = new Float64Array(layout.counters)
  const tenantSlots = slotTable(tenants)
  const businessOf: string[] = []

  return {
    memory,
    layout,
    routeSlots: slotTable(routes),
    upstreamSlots: slotTable(upstreams),
    tenantSlots,
    businessSlots: slotTable(businesses),
    tenantSlot: (tenant, business) => {
      const [slot = 0] = tenantSlots.slotsOf([tenant])
      if (slot !== 0) businessOf[slot] = business
      return slot
    },
    tenantBusinesses: () =>
      tenantSlots.names().flatMap((tenant, slot) => {
        const business = businessOf[slot]
        return business === undefined ? [] : { tenant, business }
      }),
    read: () => {
      const sums = new Float64Array(layout.column)
      sums.set(past)
      for (const column of columns) addTo(sums, column)
      return sums
    },
    readLags: () => columns.map((column) => column[layout.lag] ?? 0),
    workerDied: (index) => {
      const column = columns[index]
      if (column === undefined) return
      addTo(past, column.subarray(0, layout.counters))
      column.fill(0)
    },
  }
}

function addTo(sums: Float64Array, more: Float64Array): void {
  for (let place = 0; place < more.length; place += 1) sums[place] = (sums[place] ?? 0) + (more[place] ?? 0)
}
