import { readFileSync, readdirSync } from 'node:fs'

/** CPU time of some processes at a moment. */
export interface CpuSample {
  /** µs, as `/proc/PID/stat` counts: in steps of 10 ms. */
  readonly coarse: number
  /** µs of each thread, as `schedstat` counts: in nanoseconds; empty where the kernel has none. */
  readonly threads: ReadonlyMap<string, number>
}

/** A process and all that it started. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statOf(Number(name))?.[1])
    const siblings = children.get(parent) ?? []
    children.set(parent, siblings)
    siblings.push(Number(name))
  }
  const tree = [root]
  for (let at = 0; at < tree.length; at++) tree.push(...(children.get(tree[at]!) ?? []))
  return tree
}

/** What these processes have used so far. */
export function cpuOf(pids: readonly number[]): CpuSample {
  let ticks = 0
  const threads = new Map<string, number>()
  for (const pid of pids) {
    const stat = statOf(pid)
    // utime and stime, the 14th and 15th field of the line.
    if (stat !== null) ticks += Number(stat[11]) + Number(stat[12])
    for (const thread of threadsOf(pid)) {
      const text = textOf(`/proc/${pid}/task/${thread}/schedstat`)
      if (text !== null) threads.set(`${pid}/${thread}`, Number(text.split(' ')[0]) / 1000)
    }
  }
  return { coarse: ticks * 10_000, threads }
}

/** µs used between two moments: the fine count, unless a thread has ended in between or there is none. */
export function cpuBetween(before: CpuSample, after: CpuSample): number {
  const isWhole = after.threads.size > 0 && [...before.threads.keys()].every((thread) => after.threads.has(thread))
  if (!isWhole) return after.coarse - before.coarse
  let used = 0
  for (const [thread, at] of after.threads) used += at - (before.threads.get(thread) ?? 0)
  return used
}

/** Resident memory in kB. */
export function residentKb(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) sum += Number(/VmRSS:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1] ?? 0)
  return sum
}

/** The fields of `/proc/PID/stat` behind the name, which may hold anything. */
function statOf(pid: number): readonly string[] | null {
  const text = textOf(`/proc/${pid}/stat`)
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    // It has ended.
    return []
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It has ended.
    return null
  }
}
