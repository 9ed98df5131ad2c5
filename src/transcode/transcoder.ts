import type { DescMethod } from '@bufbuild/protobuf'
import type { Binding } from './binding.ts'
import { codecOf, type Codec } from './codec.ts'
import { bindingsAt, bindingsOf, treeOf } from './compile.ts'
import { readDescriptors } from './descriptors.ts'
import type { MatchTree } from './match-tree.ts'
import { TranscodedMethod } from './method.ts'
import { renderReply } from './rendered.ts'
import { requestStream } from './request-stream.ts'
import { requestMessage } from './request.ts'
import { statusesOf } from './statuses.ts'
import type { Found, Match, Method, Rendered, RequestStream, Statuses, Transcoder, TranscoderOptions } from './types.ts'

/** Reads the descriptors and makes their rules ready; what is wrong with them is a ConfigError. */
export function transcoder(options: TranscoderOptions): Transcoder {
  const { descriptors, only = null, discardUnknown = false, emitDefaults = false, backwards = false, mostMessage } = options
  const { files, types } = readDescriptors(descriptors)
  const codec = codecOf(types, { discardUnknown, emitDefaults, most: mostMessage })
  const bindings = bindingsOf(files)
  const methods = new Map([...bindings].map(([method, each]) => [method, new TranscodedMethod(method, each, codec)] as const))
  const all = backwards ? [] : [...bindings.values()].flat()
  const found = only === null ? all : bindingsAt(files, only)
  return new SetTranscoder({ methods, bindings: found, codec, statuses: statusesOf(types) })
}

interface Parts {
  readonly methods: ReadonlyMap<DescMethod, TranscodedMethod>
  readonly bindings: readonly Binding[]
  readonly codec: Codec
  readonly statuses: Statuses
}

class SetTranscoder implements Transcoder {
  readonly methods: readonly Method[]
  readonly statuses: Statuses
  private readonly byPath: ReadonlyMap<string, Method>
  private readonly parts: Parts
  private readonly tree: MatchTree<Binding>
  private readonly httpMethods: readonly string[]

  constructor(parts: Parts) {
    this.parts = parts
    this.methods = [...parts.methods.values()]
    this.statuses = parts.statuses
    this.byPath = new Map(this.methods.map((method) => [method.path, method]))
    this.tree = treeOf(parts.bindings)
    this.httpMethods = [...new Set(parts.bindings.map((binding) => binding.httpMethod))].filter((each) => each !== '*')
  }

  find(httpMethod: string, path: string): Found {
    const segments: string[] = []
    const binding = this.tree.find(httpMethod, path, segments)
    const method = binding === null ? undefined : this.parts.methods.get(binding.method)
    if (binding !== null && method !== undefined)
      return { is: 'found', match: new BindingMatch({ binding, segments, method, codec: this.parts.codec }) }
    const allow = this.httpMethods.filter((each) => this.tree.find(each, path, []) !== null)
    return allow.length > 0 ? { is: 'other_method', allow } : { is: 'no_path' }
  }

  method(path: string): Method | null {
    return this.byPath.get(path) ?? null
  }
}

interface MatchParts {
  readonly binding: Binding
  readonly segments: readonly string[]
  readonly method: Method
  readonly codec: Codec
}

class BindingMatch implements Match {
  private readonly parts: MatchParts

  constructor(parts: MatchParts) {
    this.parts = parts
  }

  get method(): Method {
    return this.parts.method
  }

  get template(): string {
    return this.parts.binding.template.text
  }

  get body(): 'json' | 'raw' | 'none' {
    const { body, isRawBody } = this.parts.binding
    return isRawBody ? 'raw' : body.is === 'none' ? 'none' : 'json'
  }

  get rawReply(): boolean {
    return this.parts.binding.isRawReply
  }

  request(query: string, body: Uint8Array, contentType: string): Uint8Array {
    return requestMessage({ ...this.parts, query }, body, contentType)
  }

  requests(query: string, contentType: string): RequestStream {
    return requestStream({ ...this.parts, query }, contentType)
  }

  reply(message: Uint8Array): Rendered {
    return renderReply(this.parts.binding, message, this.parts.codec)
  }
}
