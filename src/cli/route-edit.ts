import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { ConfigError } from '../base/errors.ts'
import type { Edited } from '../config/edit.ts'
import { editFile } from '../config/write.ts'
import type { ControlClient } from '../control/client.ts'
import { CommandError, show, type Context, type JsonFlag } from './command.ts'
import { near } from './near.ts'
import { configFile, withRelayIfAny, type Which } from './find.ts'

/** What an edit of the config file did, and what the running relay said to it. */
type Applied =
  | { readonly is: 'applied'; readonly version: number }
  | { readonly is: 'notRunning' }
  | { readonly is: 'pending'; readonly reason: string }

/** The config file that an edit is for. */
export async function editableFile(which: Which, context: Context): Promise<string> {
  const file = await configFile(which, context)
  if (file !== undefined) return file
  throw new CommandError(2, 'there is no config file here; write one with: relay init, or name one with --config')
}

/** Edits the file and applies it to the relay that runs with it; what that relay rejects is taken back. */
export async function editAndApply(file: string, edit: (text: string) => Edited, flags: Which & JsonFlag, context: Context): Promise<void> {
  const { value, lines } = await editApplied(file, edit, flags, context)
  show(context, flags, value, lines)
}

/** What an edit came to, for programs and for people. */
export interface EditOutcome {
  readonly value: Readonly<Record<string, unknown>>
  readonly lines: readonly string[]
}

/** The same, and the caller shows it. */
export async function editApplied(file: string, edit: (text: string) => Edited, flags: Which, context: Context): Promise<EditOutcome> {
  let before = ''
  const edited = await editFile(file, (text) => {
    before = text
    return edit(text)
  })
  const applied = await applyEdit({ file, before, after: edited.text }, flags, context)
  const value = { change: edited.change, file, applied: applied.is === 'applied', ...applied }
  return { value, lines: [edited.change, appliedSentence(applied, near(file, context.io.cwd))] }
}

interface Edit {
  readonly file: string
  readonly before: string
  readonly after: string
}

async function applyEdit(edit: Edit, flags: Which, context: Context): Promise<Applied> {
  const which = { config: edit.file, ...(flags.control === undefined ? {} : { control: flags.control }) }
  const applied = await withRelayIfAny(which, context, (client) => applyTo(client, edit))
  return applied ?? { is: 'notRunning' }
}

async function applyTo(client: ControlClient, edit: Edit): Promise<Applied> {
  const { source } = await client.status()
  if (source.is !== 'file' || !isSameFile(source.file, edit.file)) return { is: 'notRunning' }
  const outcome = await client.reload(createHash('sha256').update(edit.after).digest('hex'))
  switch (outcome.is) {
    case 'applied':
    case 'unchanged':
      return { is: 'applied', version: outcome.version }
    case 'rejected':
      await takeBack(edit)
      throw new ConfigError([
        ...outcome.problems,
        { path: '', message: 'the running relay rejects this', remedy: 'the file is as it was before' },
      ])
    case 'stale':
      return { is: 'pending', reason: 'somebody else changed the file too, and the running relay takes up what stands there now' }
    case 'refused':
      return { is: 'pending', reason: `${outcome.reason}, so it counts from the next start on` }
  }
}

/** Somebody else's edit on top of ours is left alone. */
async function takeBack({ file, before, after }: Edit): Promise<void> {
  await editFile(file, (text) => ({ text: text === after ? before : text, change: 'taken back' }))
}

function isSameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other)
  } catch {
    return false
  }
}

function appliedSentence(applied: Applied, file: string): string {
  switch (applied.is) {
    case 'applied':
      return `the running relay serves it now (version ${applied.version})`
    case 'notRunning':
      return `no relay is running with ${file}: it counts from the next start on`
    case 'pending':
      return applied.reason
  }
}
