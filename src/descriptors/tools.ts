import { compileProto } from './compile.ts'
import { openSet } from './open-set.ts'

/** What a config with gRPC methods is read with: loaded when there is one, since it takes longer to load than most commands to run. */
export const descriptorTools = { compileProto, openSet } as const

/** The same for those who are handed it. */
export type DescriptorTools = typeof descriptorTools
