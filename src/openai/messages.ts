import { contentBlocks } from './content.ts'
import { checkNames, listAt, maybeText, objectAt, textAt, type Json } from './fields.ts'
import { textBlock, type Block, type PartPlace } from './parts.ts'
import { invalid, lose } from './problem.ts'
import { inputOf, toolUses } from './tool-calls.ts'
import { shortest, Turns, type Turn } from './turns.ts'

/** A conversation in Claude's terms; `system` is left out where there are no instructions. */
export interface Conversation {
  readonly system?: string | readonly Block[]
  readonly messages: readonly Turn[]
}

/**
 * Puts the messages of a chat into Claude's terms. Instructions (`system`, `developer`) become `system`, wherever they stand: those in the
 * middle of a chat move to its start, since most of Claude's models take none elsewhere. Results of tools become one user message.
 */
export function conversation(value: unknown, lossy: boolean): Conversation {
  const writer = new Writer(lossy)
  for (const [k, message] of listAt(value, 'messages').entries()) writer.take(objectAt(message, `messages[${k}]`), `messages[${k}]`)
  return writer.done()
}

class Writer {
  private readonly lossy: boolean
  private readonly instructions: Block[] = []
  private readonly turns = new Turns()
  /** Ids that stand for calls of the old kind, which have none: by the function's name, until its result has come. */
  private readonly pending = new Map<string, string>()
  private functionCalls = 0

  constructor(lossy: boolean) {
    this.lossy = lossy
  }

  take(message: Json, at: string): void {
    const { lossy } = this
    const role = textAt(message['role'], `${at}.role`)
    const names = namesOf.get(role)
    if (names === undefined) throw invalid(`${at}.role`, 'system, developer, user, assistant, tool or function is expected')
    checkNames(message, names, { at, lossy })
    const isPerson = role !== 'tool' && role !== 'function'
    if (isPerson && maybeText(message['name'], `${at}.name`) !== null) lose(lossy, `${at}.name`, 'participants have no names')
    switch (role) {
      case 'user':
        return this.turns.add('user', contentBlocks(message['content'], 'user', { at: `${at}.content`, lossy }))
      case 'assistant':
        return this.turns.add('assistant', this.assistantBlocks(message, { at, lossy }))
      case 'tool':
        return this.takeResult(textAt(message['tool_call_id'], `${at}.tool_call_id`), message, at)
      case 'function':
        return this.takeResult(this.idFor(message, at), message, at)
      default:
        this.instructions.push(...contentBlocks(message['content'], 'text', { at: `${at}.content`, lossy }))
    }
  }

  done(): Conversation {
    const { instructions, turns } = this
    if (turns.isEmpty) {
      if (instructions.length === 0) throw invalid('messages', 'a message that says something is expected')
      lose(this.lossy, 'messages', 'Claude answers a user: instructions alone are not enough')
      turns.add('user', instructions)
      return { messages: turns.all() }
    }
    return instructions.length === 0 ? { messages: turns.all() } : { system: shortest(instructions), messages: turns.all() }
  }

  private assistantBlocks(message: Json, { at, lossy }: PartPlace): readonly Block[] {
    if (message['audio'] !== undefined && message['audio'] !== null) lose(lossy, `${at}.audio`, 'Claude does not speak')
    const said = contentBlocks(message['content'], 'assistant', { at: `${at}.content`, lossy })
    const refusal = textBlock(maybeText(message['refusal'], `${at}.refusal`) ?? '')
    const called = message['function_call']
    return [
      ...said,
      ...(refusal === null ? [] : [refusal]),
      ...(called === undefined || called === null
        ? []
        : [this.functionCall(objectAt(called, `${at}.function_call`), `${at}.function_call`)]),
      ...toolUses(message['tool_calls'], { at: `${at}.tool_calls`, lossy }),
    ]
  }

  private functionCall(call: Json, at: string): Block {
    const name = textAt(call['name'], `${at}.name`)
    const id = `call_${++this.functionCalls}`
    this.pending.set(name, id)
    return { type: 'tool_use', id, name, input: inputOf(textAt(call['arguments'], `${at}.arguments`), `${at}.arguments`) }
  }

  private idFor(message: Json, at: string): string {
    const name = textAt(message['name'], `${at}.name`)
    const id = this.pending.get(name)
    if (id === undefined) throw invalid(`${at}.name`, `no function_call of ${name} stands before its result`)
    this.pending.delete(name)
    return id
  }

  private takeResult(id: string, message: Json, at: string): void {
    const blocks = contentBlocks(message['content'] ?? '', 'user', { at: `${at}.content`, lossy: this.lossy })
    const result: Block = { type: 'tool_result', tool_use_id: id, ...(blocks.length === 0 ? {} : { content: shortest(blocks) }) }
    this.turns.add('user', [result])
  }
}

const instruction: ReadonlySet<string> = new Set(['role', 'content', 'name'])
const namesOf: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['system', instruction],
  ['developer', instruction],
  ['user', instruction],
  // Clients send a reply's message back as they got it, with what they have made of it.
  ['assistant', new Set(['role', 'content', 'name', 'refusal', 'audio', 'tool_calls', 'function_call', 'annotations', 'parsed'])],
  ['tool', new Set(['role', 'content', 'tool_call_id', 'name'])],
  ['function', new Set(['role', 'content', 'name'])],
])
