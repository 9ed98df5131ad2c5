import { create } from '@bufbuild/protobuf'
import { encodeAsked } from './codec.ts'
import { JsonValues } from './json-values.ts'
import { bad } from './problem.ts'
import { bindFields, bodyMessage, rawMessage, type Asked } from './request.ts'
import type { RequestStream } from './types.ts'

type Emit = (message: Uint8Array) => void

/** The messages of a call that streams them. Path and query go into the first one; what is wrong with them is thrown here already. */
export function requestStream(asked: Asked, contentType: string): RequestStream {
  bindFields(asked, create(asked.binding.method.input))
  return asked.binding.isRawBody ? new RawStream(asked, contentType) : new JsonStream(asked, contentType)
}

class JsonStream implements RequestStream {
  private readonly asked: Asked
  private readonly values: JsonValues
  private isFirst = true

  constructor(asked: Asked, contentType: string) {
    this.asked = asked
    this.values = new JsonValues({ most: asked.codec.most, lines: lineTypes.test(contentType) })
  }

  push(bytes: Uint8Array, emit: Emit, isFull?: () => boolean): number {
    const { binding } = this.asked
    if (binding.body.is === 'none' && bytes.length > 0) throw bad(`${binding.httpMethod} ${binding.template.text} takes no body`)
    return this.values.push(bytes, (value) => this.emit(value, emit), isFull)
  }

  end(emit: Emit): void {
    this.values.end((value) => this.emit(value, emit))
    if (this.isFirst && saysSomething(this.asked)) this.emit(new Uint8Array(0), emit)
  }

  private emit(value: Uint8Array, emit: Emit): void {
    const { binding, codec } = this.asked
    const message = bodyMessage(this.asked, value, '')
    if (this.isFirst) bindFields(this.asked, message)
    this.isFirst = false
    emit(encodeAsked(binding.method.input, message, codec.most))
  }
}

/** Bytes as they come, each chunk a `google.api.HttpBody`; the first one has the content type. */
class RawStream implements RequestStream {
  private readonly asked: Asked
  private contentType: string
  private isFirst = true

  constructor(asked: Asked, contentType: string) {
    this.asked = asked
    this.contentType = contentType
  }

  push(bytes: Uint8Array, emit: Emit): number {
    // Room for the other fields.
    const most = Math.max(1, this.asked.codec.most >> 1)
    for (let from = 0; from < bytes.length; from += most) this.emit(bytes.subarray(from, from + most), emit)
    return bytes.length
  }

  end(emit: Emit): void {
    if (this.isFirst) this.emit(new Uint8Array(0), emit)
  }

  private emit(bytes: Uint8Array, emit: Emit): void {
    const { binding, codec } = this.asked
    const message = rawMessage(binding, bytes, this.contentType)
    if (this.isFirst) bindFields(this.asked, message)
    this.isFirst = false
    this.contentType = ''
    emit(encodeAsked(binding.method.input, message, codec.most))
  }
}

/** Whether there is a message without any body: where the rule takes none, or path or query have said something. */
function saysSomething({ binding, query }: Asked): boolean {
  return binding.body.is === 'none' || binding.variables.length > 0 || query !== ''
}

const lineTypes = /^\s*application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)\s*(?:;|$)/i
