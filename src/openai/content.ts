import { checkNames, listAt, objectAt, textAt, type Json } from './fields.ts'
import { dropped, fileBlock, imageBlock, textBlock, type Block, type PartPlace } from './parts.ts'
import { invalid, missing } from './problem.ts'

/** What a message's role lets stand in its content. */
export type ContentKind = 'user' | 'text' | 'assistant'

/** The blocks of a message's content, a string or a list of parts; an empty list where it says nothing. */
export function contentBlocks(content: unknown, kind: ContentKind, { at, lossy }: PartPlace): readonly Block[] {
  if (typeof content === 'string') return [textBlock(content)].filter((block) => block !== null)
  if (content === undefined || content === null) {
    if (kind === 'assistant') return []
    throw missing(at)
  }
  if (!Array.isArray(content)) throw invalid(at, 'a string or a list of parts is expected')
  return listAt(content, at)
    .map((part, k) => partBlock(objectAt(part, `${at}[${k}]`), kind, { at: `${at}[${k}]`, lossy }))
    .filter((block) => block !== null)
}

function partBlock(part: Json, kind: ContentKind, place: PartPlace): Block | null {
  const { at, lossy } = place
  const type = textAt(part['type'], `${at}.type`)
  if (type === 'text') return saidBlock(part, 'text', place)
  if (type === 'refusal' && kind === 'assistant') return saidBlock(part, 'refusal', place)
  if (type === 'image_url' && kind === 'user') return imageBlock(part, place)
  if (type === 'file' && kind === 'user') return fileBlock(part, place)
  return dropped(lossy, `${at}.type`, `${type} cannot be put into Claude's terms here`)
}

function saidBlock(part: Json, name: 'text' | 'refusal', { at, lossy }: PartPlace): Block | null {
  checkNames(part, name === 'text' ? textNames : refusalNames, { at, lossy })
  return textBlock(textAt(part[name], `${at}.${name}`))
}

const textNames: ReadonlySet<string> = new Set(['type', 'text'])
const refusalNames: ReadonlySet<string> = new Set(['type', 'refusal'])
