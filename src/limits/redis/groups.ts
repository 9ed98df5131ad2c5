import type { Bucket, LimitSet } from '../store.ts'
import type { Want } from './taking.ts'

/** Buckets of a set that one script can take from, and their places in the set. */
export interface Group {
  readonly members: readonly Member[]
}

interface Member {
  readonly bucket: Bucket
  readonly place: number
}

const known = new WeakMap<LimitSet, readonly Group[]>()

/** One group for each tag in a Cluster, whose nodes share out the tags; one for all elsewhere. A set is always asked for alike. */
export function groupsOf(set: LimitSet, isCluster: boolean): readonly Group[] {
  const found = known.get(set)
  if (found !== undefined) return found
  const members = set.buckets.map((bucket, place) => ({ bucket, place }))
  const made = [...Map.groupBy(members, ({ bucket }) => (isCluster ? bucket.tag : '')).values()].map((some) => ({ members: some }))
  known.set(set, made)
  return made
}

/** What is wanted of a group: all of each amount. */
export function wantsOf({ members }: Group, amounts: readonly number[]): readonly Want[] {
  return members.map(({ bucket, place }) => ({ bucket, amount: amounts[place] ?? 0, least: amounts[place] ?? 0 }))
}
