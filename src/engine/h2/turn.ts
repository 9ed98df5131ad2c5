/** Something that has work to do when the event loop has read what there was to read. */
export interface Turned {
  /** Called once for each `atTurnEnd`. */
  turn(): void
}

/**
 * Has a session do its work at the end of this turn of the event loop: calls begin, and all frames of the turn leave in one write. One
 * immediate serves all sessions of the thread; what a session causes in another one is done in the same turn.
 */
export function atTurnEnd(work: Turned): void {
  if (pending.length === 0) setImmediate(run)
  pending.push(work)
}

function run(): void {
  try {
    for (let k = 0; k < pending.length; k++) pending[k]!.turn()
  } finally {
    pending.length = 0
  }
}

const pending: Turned[] = []
