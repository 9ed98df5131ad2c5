import { once } from 'node:events'
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib'
import type { BrotliCompress, Deflate, Gzip, ZstdCompress } from 'node:zlib'
import type { Exchange } from './exchange.ts'
import { isGone } from './exchange.ts'
import type { Triggers } from './triggers.ts'

/** Writes a body in the coding and the pieces that were asked for; each write is out before the next begins. */
export interface Writer {
  /** The coding to announce, or null. */
  readonly coding: string | null
  write(bytes: Buffer): Promise<void>
  end(): Promise<void>
}

type Coder = BrotliCompress | Deflate | Gzip | ZstdCompress

const coders: Readonly<Record<string, () => Coder>> = {
  gzip: createGzip,
  deflate: createDeflate,
  br: createBrotliCompress,
  zstd: createZstdCompress,
}

/** Makes the writer for an answer. */
export function writer(exchange: Exchange, { coding, split }: Triggers): Writer {
  const accepted = acceptedCoding(exchange, coding)
  const coder = accepted === null ? null : coders[accepted]?.()
  // What is made up for a caller that has gone goes nowhere.
  const send = async (bytes: Buffer): Promise<void> => (isGone(exchange) ? undefined : sendPieces(exchange, bytes, split ?? bytes.length))
  if (coder === null || coder === undefined) return { coding: null, write: send, end: async () => void exchange.response.end() }
  const coded: Buffer[] = []
  coder.on('data', (bytes: Buffer) => void coded.push(bytes))
  exchange.response.once('close', () => coder.destroy())
  return {
    coding: accepted,
    write: async (bytes) => {
      coder.write(bytes)
      if (!coder.destroyed) await flushed(coder)
      await send(Buffer.concat(coded.splice(0)))
    },
    end: async () => {
      coder.end()
      if (!coder.destroyed) await once(coder, 'close')
      await send(Buffer.concat(coded.splice(0)))
      exchange.response.end()
    },
  }
}

function acceptedCoding({ request }: Exchange, coding: string | null): string | null {
  const accepted = (request.headers['accept-encoding'] ?? '').split(',')
  return coding !== null && accepted.some((name) => name.trim().split(';')[0] === coding) ? coding : null
}

async function flushed(coder: Coder): Promise<void> {
  await new Promise<void>((resolve) => {
    coder.once('close', resolve)
    coder.flush(() => {
      coder.off('close', resolve)
      resolve()
    })
  })
}

async function sendPieces(exchange: Exchange, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length && !isGone(exchange); at += size) {
    const hasRoom = exchange.response.write(bytes.subarray(at, at + size))
    if (!hasRoom) await drained(exchange)
    // Pieces leave one by one: without this the socket would join those of one turn.
    if (size < bytes.length) await new Promise((resolve) => setImmediate(resolve))
  }
}

async function drained({ response }: Exchange): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once('drain', done)
    response.once('close', done)
    function done(): void {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
  })
}
