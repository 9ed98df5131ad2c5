/** The layers of `src`, top first: a folder imports itself and the rows below its own, never up, never its neighbours in the row. */
export const layerTable: readonly (readonly string[])[] = [
  ['cli'],
  ['tui', 'bench'],
  ['relay', 'worker'],
  ['config', 'control'],
  ['stages', 'descriptors'],
  ['engine', 'claude', 'limits', 'auth', 'secrets', 'metrics', 'batches', 'ledger', 'transcode', 'openai'],
  ['protocol'],
  ['base'],
]

/** Imports that the table forbids and that are right all the same: of types only, so that nothing runs through them. */
export const typeExceptions: readonly { readonly from: string; readonly to: string; readonly why: string }[] = [
  { from: 'control', to: 'config/plan.ts', why: 'the plan is what control sends to the workers' },
]

/** What stands at the top of the repository, beside files whose name begins with a dot. */
export const topLevel: readonly string[] = [
  ...['bin', 'src', 'lua', 'templates', 'test'],
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'relay.config.example.yaml'],
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'STYLE.md', 'CHANGELOG.md', 'LICENSE'],
]

/** The table as a document shows it: the first block fenced with ```layers, a row a line; null where there is none. */
export function documentedTable(markdown: string): readonly (readonly string[])[] | null {
  const block = /^```layers\n([\s\S]*?)^```/m.exec(markdown)?.[1]
  if (block === undefined) return null
  const rows = block.split('\n').filter((line) => line.trim() !== '')
  return rows.map((row) => row.split(/[\s,·]+/).filter((name) => name !== ''))
}
