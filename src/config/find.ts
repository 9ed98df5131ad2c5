import { cosmiconfig } from 'cosmiconfig'

const places = [
  'relay.config.yaml',
  'relay.config.yml',
  'relay.config.json',
  '.relayrc',
  '.relayrc.yaml',
  '.relayrc.yml',
  '.relayrc.json',
  '.config/relayrc',
  '.config/relayrc.yaml',
  '.config/relayrc.yml',
  '.config/relayrc.json',
]

/** Where a config is looked for inside a folder, first come first served. */
export const searchPlaces: readonly string[] = places

/**
 * The config file of a folder; undefined when there is none. Folders above are not searched (a config that somebody else left in `/tmp`
 * must not be picked up), and files with code in them are not places: a config is data.
 */
export async function findConfig(folder: string): Promise<string | undefined> {
  const asText = (_: string, content: string): string => content
  const loaders = { '.yaml': asText, '.yml': asText, '.json': asText, noExt: asText }
  const explorer = cosmiconfig('relay', {
    searchPlaces: places,
    searchStrategy: 'none',
    cache: false,
    ignoreEmptySearchPlaces: false,
    loaders,
  })
  return (await explorer.search(folder))?.filepath
}
