import { randomBytes } from 'node:crypto'
import { chmod, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { lock } from 'proper-lockfile'
import { ConfigError } from '../base/errors.ts'
import type { Edited } from './edit.ts'
import { readFault } from './sources.ts'

const waits = { retries: 20, factor: 1.5, minTimeout: 20, maxTimeout: 500 }

/** Edits a file under a lock, so that two edits at once both count: reads it, applies the edit, writes it whole or not at all. */
export async function editFile(file: string, edit: (text: string) => Edited): Promise<Edited> {
  const real = await realpath(file).catch((error: unknown) =>
    refuse(file, readFault(error), 'name an existing file with --config, or write one with `relay init`'),
  )
  const release = await lock(real, { retries: waits, stale: 10_000 }).catch((error: unknown) =>
    refuse(file, `it cannot be locked: ${readFault(error)}`, 'wait for the other edit to end, and check that you may write to its folder'),
  )
  try {
    const text = await readFile(real, 'utf8')
    const edited = edit(text)
    if (edited.text !== text) await writeWhole(real, edited.text, (await stat(real)).mode & 0o7777)
    return edited
  } finally {
    await release()
  }
}

/** Writes a new file whole or not at all; throws `EEXIST` when something stands there already. */
export async function createFile(file: string, text: string, mode = 0o644): Promise<void> {
  const handle = await open(file, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } catch (error) {
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

function refuse(file: string, reason: string, remedy: string): never {
  throw new ConfigError([{ file, path: '', message: `cannot be edited: ${reason}`, remedy }])
}

// Beside the file and not in a temporary folder: only inside one file system is a rename atomic.
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const beside = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const handle = await open(beside, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(beside, mode)
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await syncFolder(dirname(file))
}

// The rename itself must survive a power cut too.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
