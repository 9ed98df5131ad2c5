import type { Problem } from '../base/errors.ts'
import type { Snapshot } from './snapshot.ts'
import type { Waits } from './waits.ts'
import type { Answer, WorkerThread } from './worker-thread.ts'

/** The parts of a change that stand around the workers' own: `committed` runs in the same turn in which the commits are sent. */
export interface TwoPhaseOptions {
  readonly waits: Pick<Waits, 'prepare' | 'commit'>
  readonly committed: () => void
}

/**
 * Brings a snapshot to all workers, or to none. All prepare; when each of them has, all are told to commit, and that is not undone:
 * a worker that fails to commit is ended, and its replacement starts on the new version. Returns every problem, none when done.
 */
export async function twoPhase(
  threads: readonly WorkerThread[],
  snapshot: Snapshot,
  options: TwoPhaseOptions,
): Promise<readonly Problem[]> {
  const problems = await prepareAll(threads, snapshot, options.waits.prepare)
  if (problems.length > 0) {
    for (const thread of threads) thread.tell({ is: 'discard', version: snapshot.version })
    return problems
  }
  const commits = threads.map((thread) => commit(thread, snapshot.version, options.waits.commit))
  options.committed()
  await Promise.all(commits)
  return []
}

async function prepareAll(threads: readonly WorkerThread[], snapshot: Snapshot, timeoutMs: number): Promise<readonly Problem[]> {
  const { version } = snapshot
  const wanted = answerTo('prepared', 'rejected', version)
  const answers = await Promise.all(threads.map((thread) => thread.ask({ is: 'prepare', ...snapshot }, wanted, timeoutMs)))
  return unique(answers.flatMap((answer, at) => problemsOf(answer, threads[at]?.index ?? at)))
}

async function commit(thread: WorkerThread, version: number, timeoutMs: number): Promise<void> {
  const answer = await thread.ask({ is: 'commit', version }, answerTo('committed', 'committed', version), timeoutMs)
  if (answer.is === 'silent') await thread.terminate()
}

function answerTo(good: 'prepared' | 'committed', bad: 'rejected' | 'committed', version: number) {
  return (answer: { readonly is: string; readonly version?: number }) =>
    (answer.is === good || answer.is === bad) && answer.version === version
}

function problemsOf(answer: Answer, worker: number): readonly Problem[] {
  switch (answer.is) {
    case 'said':
      if (answer.answer.is !== 'rejected') return []
      return answer.answer.problems.map(({ path, message }) => ({ path, message, remedy: 'correct it and reload' }))
    case 'gone':
      return [workerProblem(worker, `ended while it prepared: ${answer.why}`)]
    case 'silent':
      return [workerProblem(worker, 'did not answer in time')]
  }
}

function workerProblem(worker: number, what: string): Problem {
  return { path: '', message: `worker ${worker} ${what}`, remedy: 'try again, and look into the log' }
}

/** All workers compile the same plan, so most of their problems are one problem. */
function unique(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path}\n${problem.message}`, problem])).values()]
}
