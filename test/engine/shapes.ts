import type { BodyEnd } from '../../src/base/ends.ts'
import type { RelayError } from '../../src/base/errors.ts'
import { Body, type Sink, type Source } from '../../src/engine/body.ts'
import { Call } from '../../src/engine/call.ts'
import type { Head } from '../../src/protocol/head.ts'
import { Head as RealHead } from '../../src/protocol/head.ts'
import { RequestHead } from '../../src/protocol/request.ts'

/** A source that writes down what it is told. */
export class FakeSource implements Source {
  readonly told: string[] = []

  pause(): void {
    this.told.push('pause')
  }

  resume(): void {
    this.told.push('resume')
  }

  ended(end: BodyEnd): void {
    this.told.push(`ended ${end}`)
  }
}

/** A sink that writes down what it gets; while `isFull` it wants no more. */
export class FakeSink implements Sink {
  readonly told: string[] = []
  text = ''
  isFull = false
  error: RelayError | null = null

  push(bytes: Buffer, _isOwned: boolean): boolean {
    this.text += bytes.toString('latin1')
    this.told.push(bytes.toString('latin1'))
    return !this.isFull
  }

  finish(trailers: Buffer): void {
    this.told.push(trailers.length === 0 ? 'finish' : `finish ${trailers.toString('latin1')}`)
  }

  fail(end: BodyEnd, error: RelayError | null, trailers: Buffer | null): void {
    this.error = error
    this.told.push(trailers === null ? `fail ${end}` : `fail ${end} ${trailers.toString('latin1')}`)
  }
}

/** A call with this head (lines without the empty one) and body, from 192.0.2.7. */
export function callOf(head: string, options: { body?: Body; isTls?: boolean; isTrusted?: boolean } = {}): Call {
  const bytes = Buffer.from(`${head.trim().replaceAll('\n', '\r\n')}\r\n\r\n`, 'latin1')
  const request = new RequestHead()
  const refused = request.parse(bytes, 0, bytes.length - 2, 100)
  if (refused !== null) throw new Error(`the test's head is malformed: ${refused.message}`)
  const caller = { address: '192.0.2.7', isTls: options.isTls ?? false, isTrusted: options.isTrusted ?? false }
  return new Call('req_1', performance.now(), request, options.body ?? Body.of(Buffer.alloc(0)), caller)
}

/** The head of a reply: field lines. */
export function headOf(lines: string): Head {
  const bytes = Buffer.from(lines.trim() === '' ? '' : `${lines.trim().replaceAll('\n', '\r\n')}\r\n`, 'latin1')
  const head = new RealHead()
  const refused = head.parse(bytes, 0, bytes.length, 100)
  if (refused !== null) throw new Error(`the test's head is malformed: ${refused.message}`)
  return head
}

/** A head as it is written with its edits: lower-case `name: value` lines. */
export function written({ head, edits }: { readonly head: Head | null; readonly edits: Call['edits'] }): string[] {
  const out = Buffer.alloc(65_536)
  const lines = out
    .toString('latin1', 0, edits.write(head, out, 0))
    .split('\r\n')
    .slice(0, -1)
  return lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase() + line.slice(line.indexOf(':')))
}

/** The fields of a call as they go out, Host and framing aside. */
export function outgoing(call: Call): string[] {
  return written({ head: call.head.fields, edits: call.edits })
}
