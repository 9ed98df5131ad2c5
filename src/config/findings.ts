/** Where in the config something stands: the keys that lead to it. */
export type KeyPath = readonly (string | number)[]

/** One thing wrong with a config, before its line and column are looked up. */
export interface Finding {
  readonly path: KeyPath
  readonly message: string
  readonly remedy: string
  /** Whether the key or its value is to blame. */
  readonly at: 'key' | 'value'
  /** Another place that the message speaks of: ` (line N)` is put behind it. */
  readonly other?: KeyPath
}

/** Collects what is wrong, so that all of it is told at once. */
export interface Findings {
  readonly all: readonly Finding[]
  /** The value at a path is to blame. */
  readonly add: (path: KeyPath, message: string, remedy: string) => void
  /** The last key of a path is to blame. */
  readonly addKey: (path: KeyPath, message: string, remedy: string) => void
  /** A key is to blame together with another, whose line is told. */
  readonly addPair: (path: KeyPath, other: KeyPath, told: { readonly message: string; readonly remedy: string }) => void
}

/** An empty collection of findings. */
export function findings(): Findings {
  const all: Finding[] = []
  const told = new Set<string>()
  // What several routes are made of (versions of one, a file that many name) is looked at for each, and told once.
  const tell = (finding: Finding): void => {
    const id = JSON.stringify([finding.path, finding.message])
    if (told.has(id)) return
    told.add(id)
    all.push(finding)
  }
  return {
    all,
    add: (path, message, remedy) => tell({ path, message, remedy, at: 'value' }),
    addKey: (path, message, remedy) => tell({ path, message, remedy, at: 'key' }),
    addPair: (path, other, { message, remedy }) => tell({ path, other, message, remedy, at: 'key' }),
  }
}

/** A path as a person writes it: `routes.v1/user.timeouts.idle`. */
export function pathText(path: KeyPath): string {
  return path.map(String).map(visible).join('.')
}

/** A value for a message: short, on one line, and never a secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${visible(hideSecrets(value))}'`
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'something else'
}

function visible(text: string): string {
  // Control bytes must not reach a terminal.
  const clean = text.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return clean.length > 80 ? `${clean.slice(0, 77)}…` : clean
}

// A key that somebody pasted into the wrong place must not end up in a log.
function hideSecrets(text: string): string {
  return text.replace(/\/\/[^/?#]*@/g, '//…@').replace(/\b(sk-|rk_|Bearer\s+|ghp_|xox)\S*/gi, '$1…')
}
