import type { Json } from './fields.ts'

/** The calls of tools in one stream: OpenAI counts them by themselves, Claude among all blocks. */
export class StreamedCalls {
  private readonly isLegacy: boolean
  /** By the block's index: the call's own, and whether anything of its arguments is out. */
  private readonly open = new Map<unknown, { readonly at: number; isEmpty: boolean }>()
  private count = 0

  constructor(isLegacy: boolean) {
    this.isLegacy = isLegacy
  }

  /** A call begins; an input that is there already (none of Claude's own is) goes out with it. */
  start(index: unknown, { id, name, input }: Json): readonly Json[] {
    const at = this.count++
    const given = typeof input === 'object' && input !== null && Object.keys(input).length > 0 ? JSON.stringify(input) : ''
    this.open.set(index, { at, isEmpty: given === '' })
    if (this.isLegacy) return at === 0 ? [{ function_call: { name, arguments: given } }] : []
    return [{ tool_calls: [{ index: at, id, type: 'function', function: { name, arguments: given } }] }]
  }

  /** A piece of its arguments; what belongs to no call (a server's own tool) says nothing. */
  add(index: unknown, piece: unknown): readonly Json[] {
    const call = this.open.get(index)
    if (call === undefined || typeof piece !== 'string' || piece === '') return []
    call.isEmpty = false
    return this.told(call.at, piece)
  }

  /** A call is whole: one without arguments has an empty object of them. */
  stop(index: unknown): readonly Json[] {
    const call = this.open.get(index)
    this.open.delete(index)
    return call?.isEmpty === true ? this.told(call.at, '{}') : []
  }

  private told(at: number, piece: string): readonly Json[] {
    if (this.isLegacy) return at === 0 ? [{ function_call: { arguments: piece } }] : []
    return [{ tool_calls: [{ index: at, function: { arguments: piece } }] }]
  }
}
