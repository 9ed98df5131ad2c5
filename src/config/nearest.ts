/** The word of a list that is closest to what was written; undefined when nothing is close enough to be meant. */
export function nearest(written: string, words: Iterable<string>): string | undefined {
  const word = written.slice(0, 64).toLowerCase()
  let best: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    if (Math.abs(candidate.length - word.length) >= least) continue
    const distance = editDistance(word, candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** What to do about a word that is none of a list: the one that was probably meant, or else the list. */
export function suggest(written: string, words: readonly string[], noun: string): string {
  const meant = nearest(written, words)
  if (meant !== undefined) return `did you mean '${meant}'?`
  if (words.length === 0) return `there is no ${noun} yet: add one`
  const shown = words.slice(0, 40).join(', ')
  return `known: ${shown}${words.length > 40 ? ', …' : ''}`
}

// Optimal string alignment, one row at a time: a letter more, less or other counts one, and so does a swap of neighbours.
function editDistance(a: string, b: string): number {
  let before: readonly number[] = []
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(Math.min(change, at(row, j) + 1, at(next, j - 1) + 1, isSwap ? at(before, j - 2) + 1 : Infinity))
    }
    before = row
    row = next
  }
  return at(row, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}
