import { checkNames, objectAt, textAt, type Json } from './fields.ts'
import { invalid, lose } from './problem.ts'

/** A content block of the Messages API. */
export type Block = Json & { readonly type: string }

/** Where a part stands, and whether what has no counterpart is dropped. */
export interface PartPlace {
  readonly at: string
  readonly lossy: boolean
}

/** The block of a text; null where it says nothing (Claude refuses an empty one). */
export function textBlock(text: string): Block | null {
  return text === '' ? null : { type: 'text', text }
}

/** The block of an `image_url` part; null where it is dropped. */
export function imageBlock(part: Json, { at, lossy }: PartPlace): Block | null {
  checkNames(part, imageNames, { at, lossy })
  const image = objectAt(part['image_url'], `${at}.image_url`)
  checkNames(image, imageUrlNames, { at: `${at}.image_url`, lossy })
  checkDetail(image['detail'], `${at}.image_url.detail`, lossy)
  const param = `${at}.image_url.url`
  const url = textAt(image['url'], param)
  if (/^https:/i.test(url)) return { type: 'image', source: { type: 'url', url } }
  if (!/^data:/i.test(url)) return dropped(lossy, param, 'an https: or data: URL is expected')
  const { mediaType, data } = dataUrl(url, param)
  if (!imageTypes.has(mediaType)) return dropped(lossy, param, `${mediaType} images are not read: jpeg, png, gif and webp are`)
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data } }
}

/** The block of a `file` part: PDFs and plain text as data: URLs; null where it is dropped. */
export function fileBlock(part: Json, { at, lossy }: PartPlace): Block | null {
  checkNames(part, fileNames, { at, lossy })
  const file = objectAt(part['file'], `${at}.file`)
  checkNames(file, fileFields, { at: `${at}.file`, lossy })
  if (file['file_id'] !== undefined)
    return dropped(lossy, `${at}.file.file_id`, 'files that were uploaded to OpenAI are not there: send file_data')
  const param = `${at}.file.file_data`
  const { mediaType, data } = dataUrl(textAt(file['file_data'], param), param)
  const name = file['filename']
  const title = typeof name === 'string' && name !== '' ? { title: name } : {}
  if (mediaType === 'application/pdf') return { type: 'document', source: { type: 'base64', media_type: mediaType, data }, ...title }
  if (mediaType !== 'text/plain') return dropped(lossy, param, `${mediaType} files are not read: application/pdf and text/plain are`)
  const text = Buffer.from(data, 'base64').toString('utf8')
  return { type: 'document', source: { type: 'text', media_type: mediaType, data: text }, ...title }
}

/** A part that has no counterpart. */
export function dropped(lossy: boolean, param: string, why: string): null {
  lose(lossy, param, why)
  return null
}

/** Claude reads images in full: to ask for that changes nothing. */
function checkDetail(detail: unknown, param: string, lossy: boolean): void {
  if (detail !== undefined && detail !== null && detail !== 'auto' && detail !== 'high')
    lose(lossy, param, 'the detail of an image cannot be chosen')
}

function dataUrl(url: string, param: string): { readonly mediaType: string; readonly data: string } {
  // The data may be 30 MB: it is looked at for its comma only.
  const comma = url.indexOf(',')
  const match = comma < 0 || comma > longestHead ? null : /^data:([\w.+-]+\/[\w.+-]+)(?:;[^;,]*)*;base64$/i.exec(url.slice(0, comma))
  if (match === null) throw invalid(param, 'a data: URL with a media type and base64 is expected')
  return { mediaType: (match[1] ?? '').toLowerCase().replace('image/jpg', 'image/jpeg'), data: url.slice(comma + 1) }
}

const longestHead = 256
const imageTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])
const imageNames: ReadonlySet<string> = new Set(['type', 'image_url'])
const imageUrlNames: ReadonlySet<string> = new Set(['url', 'detail'])
const fileNames: ReadonlySet<string> = new Set(['type', 'file'])
const fileFields: ReadonlySet<string> = new Set(['file_data', 'file_id', 'filename'])
