import { controlServer, type ControlHandlers, type ControlServer } from '../control/server.ts'
import { controlPath, secureDirectory, type ControlKey } from '../control/socket-path.ts'

/** What decides where the control socket stands. */
export interface ControlOptions {
  readonly control: string | null
  readonly env: NodeJS.ProcessEnv
}

/** Opens the control socket of a relay that listens already. */
export async function openControl({ control, env }: ControlOptions, key: ControlKey, handlers: ControlHandlers): Promise<ControlServer> {
  const path = control ?? controlPath(key, env)
  secureDirectory(path, env)
  return controlServer(path, handlers)
}
