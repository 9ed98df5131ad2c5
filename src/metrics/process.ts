import { readdirSync, readFileSync } from 'node:fs'

import { single, type Metric, type Sample } from './metric.ts'

/** What Prometheus expects to know of any process. Descriptors are told where there is a /proc. */
export const processMetrics: readonly Metric[] = [
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of all threads, in user and kernel mode.',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return single((user + system) / 1e6)
    },
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Memory of the process that is in RAM.',
    labels: [],
    read: () => single(process.memoryUsage.rss()),
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started, in seconds since 1970.',
    labels: [],
    read: () => single(Math.round(performance.timeOrigin) / 1000),
  },
  {
    name: 'process_open_fds',
    type: 'gauge',
    help: 'File descriptors that are open.',
    labels: [],
    // The directory that is being read is one of them.
    read: () => fromProc(() => readdirSync('/proc/self/fd').length - 1),
  },
  {
    name: 'process_max_fds',
    type: 'gauge',
    help: 'File descriptors that may be open.',
    labels: [],
    read: () => fromProc(() => Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])),
  },
]

function fromProc(read: () => number): readonly Sample[] {
  try {
    const value = read()
    return Number.isFinite(value) ? single(value) : []
  } catch {
    return []
  }
}
