import { connect, type Socket } from 'node:net'
import { serve } from './serve.ts'
import { rawRequest } from './request.ts'

// Opens connections, makes one whole call on each, and keeps them.

const atOnce = 50
const readBuffer = Buffer.allocUnsafeSlow(65536)
const open = new Set<Socket>()

/** Makes a call on a new connection; resolves when its answer is whole. */
function call(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let text = ''
    let isWhole = false
    const read = (count: number): boolean => {
      text += readBuffer.toString('latin1', 0, count)
      if (isWhole || !isAnswer(text)) return true
      isWhole = true
      if (text.startsWith('HTTP/1.1 200')) resolve(socket)
      else reject(new Error(text.slice(0, 300)))
      text = ''
      return true
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: readBuffer, callback: read } })
    open.add(socket)
    socket.on('connect', () => socket.write(rawRequest(port)))
    socket.on('error', reject)
    socket.on('close', () => {
      open.delete(socket)
      reject(new Error('closed without an answer'))
    })
  })
}

function isAnswer(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))
  if (length === null) return text.endsWith('\r\n0\r\n\r\n')
  return text.length >= end + 4 + Number(length[1])
}

async function some(port: number, count: number, then: (socket: Socket) => void): Promise<void> {
  let left = count
  const one = async (): Promise<void> => {
    while (left-- > 0) then(await call(port))
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, one))
}

serve({
  /** Calls on connections that are closed again: code gets warm, nothing stays. */
  warm: (port: number, count: number) => some(port, count, (socket) => socket.destroy()),
  open: (port: number, count: number) => some(port, count, () => undefined),
  'open-now': () => open.size,
})
