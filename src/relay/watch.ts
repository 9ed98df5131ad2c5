import { watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { filesMark } from './certificates.ts'

/** Watches files until it is closed. */
export interface Watch {
  close(): void
}

export interface WatchOptions {
  readonly onChange: () => void
  readonly pollMs: number
  readonly debounceMs?: number
}

/**
 * Calls back when one of the files may have changed. The folder of the first is watched, not the file, so that a rename over it (how
 * editors and `kubectl` write) is seen; what the folder cannot tell (a link's target, an exhausted inotify) a look at the clock does.
 */
export function watchFiles(files: () => readonly string[], { onChange, pollMs, debounceMs = 100 }: WatchOptions): Watch {
  let seen = filesMark(files())
  let changing = seen
  let soon: NodeJS.Timeout | null = null
  const lookSoon = () => (soon ??= setTimeout(look, debounceMs))
  const look = () => {
    soon = null
    const now = filesMark(files())
    if (now === seen) return
    // Whoever writes in place is done when two looks see the same.
    if (now !== changing) {
      changing = now
      lookSoon()
      return
    }
    seen = now
    onChange()
  }
  const folder = watchFolder(files()[0], lookSoon)
  const poll = setInterval(look, pollMs)
  return {
    close: () => {
      clearInterval(poll)
      if (soon !== null) clearTimeout(soon)
      folder?.close()
    },
  }
}

function watchFolder(file: string | undefined, onEvent: () => void): FSWatcher | null {
  if (file === undefined) return null
  try {
    const watcher = watch(dirname(file), { persistent: false }, onEvent)
    // The folder went away or the system ran out of watches: the poll goes on.
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return null
  }
}
