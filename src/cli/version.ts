import manifest from '../../package.json' with { type: 'json' }

/** The version of relay. */
export const version: string = manifest.version
