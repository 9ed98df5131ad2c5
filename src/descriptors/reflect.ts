import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { builtInFiles } from './known.ts'
import type { ReflectionAnswer, ReflectionAsk } from './reflect-messages.ts'

/** One question to a server, and its answer. */
export type Ask = (ask: ReflectionAsk) => Promise<ReflectionAnswer>

const mostServices = 1000
const mostFiles = 2000
const mostBytes = 32 * 2 ** 20

/**
 * Asks a server for all of its services, and for every file that these need, as one serialized `FileDescriptorSet`: the same bytes for
 * the same answers, in whatever order they come. Throws an Error that says why there is none.
 */
export async function reflectedSet(ask: Ask): Promise<Uint8Array> {
  const listed = await ask({ is: 'services' })
  if (listed.is !== 'services') throw new Error(`it does not list its services: ${said(listed)}`)
  const services = listed.names.filter((name) => !name.startsWith('grpc.reflection.'))
  if (services.length > mostServices) throw new Error(`it has more than ${mostServices} services`)
  const taken = new Taken()
  for (const symbol of services.toSorted()) {
    const answer = await ask({ is: 'symbol', symbol })
    if (answer.is !== 'files') throw new Error(`it does not say what ${symbol} is: ${said(answer)}`)
    taken.add(answer.files)
  }
  for (let name = taken.missing(); name !== undefined; name = taken.missing()) {
    const answer = await ask({ is: 'file', name })
    if (answer.is === 'files') taken.add(answer.files)
    // Without one of these the others may still be used: whoever needs a type of it is told by its name.
    taken.give(name)
  }
  return taken.set()
}

/** The files that have come, each once. */
class Taken {
  private readonly files = new Map<string, FileDescriptorProto>()
  private readonly given = new Set<string>()
  private bytes = 0

  add(serialized: readonly Uint8Array[]): void {
    for (const bytes of serialized) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes)
      if (this.files.has(file.name)) continue
      this.files.set(file.name, file)
      this.bytes += bytes.length
      if (this.files.size > mostFiles || this.bytes > mostBytes) throw new Error('it has more files than relay takes')
    }
  }

  /** A file that another one imports, and that has neither come nor been asked for. */
  missing(): string | undefined {
    for (const { dependency } of this.files.values()) {
      const name = dependency.find((one) => !this.files.has(one) && !this.given.has(one) && !builtInFiles.has(one))
      if (name !== undefined) return name
    }
    return undefined
  }

  /** It is not asked for again. */
  give(name: string): void {
    this.given.add(name)
  }

  set(): Uint8Array {
    const file = [...this.files.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1))
    return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }))
  }
}

function said(answer: ReflectionAnswer): string {
  return answer.is === 'error' ? `${answer.message} (code ${answer.code})` : 'it answers something else'
}
