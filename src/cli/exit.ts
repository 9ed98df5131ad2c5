/** How a command ended. */
export type Exit = 0 | 1 | 2 | 3 | 4

/** What each exit code means, as `--help` says it. */
export const exitHelp = `
Exit codes:
  0  done
  1  it failed
  2  wrong usage, or a configuration that cannot be used
  3  stopped, but calls or streams had to be cut
  4  no relay is running there`
