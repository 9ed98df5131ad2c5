import { totalmem } from 'node:os'

/** The heap limit of one worker in MB: an even share of half of what the machine or its container has, 256 MB to 4 GB. */
export function workerHeapMb(workers: number): number {
  const constrained = process.constrainedMemory()
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return Math.max(256, Math.min(4096, Math.floor(bytes / 2 / workers / 2 ** 20)))
}
