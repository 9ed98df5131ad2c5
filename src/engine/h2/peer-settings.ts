import { ErrorCode, Setting, defaultWindow, maxFrameSize, maxWindow } from '../../protocol/h2/frames.ts'

/** What the peer's SETTINGS say (RFC 9113 §6.5.2). */
export class PeerSettings {
  headerTableSize = 4096
  /** The smallest that the last SETTINGS named, which may name several. */
  leastTableSize = 4096
  maxConcurrentStreams = Infinity
  initialWindow: number = defaultWindow
  /** It takes an extended CONNECT (RFC 8441). */
  allowsConnect = false
  /** By how much the last SETTINGS changed the windows of all streams. */
  windowChange = 0
  private readonly isFromServer: boolean

  constructor(isFromServer: boolean) {
    this.isFromServer = isFromServer
  }

  /** Reads the payload of one SETTINGS frame, a multiple of six bytes; an error code, or 0. */
  read(bytes: Buffer, from: number, to: number): number {
    const before = this.initialWindow
    this.leastTableSize = Infinity
    for (let at = from; at < to; at += 6) {
      const code = this.set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
      if (code !== 0) return code
    }
    this.windowChange = this.initialWindow - before
    return 0
  }

  private set(name: number, value: number): number {
    switch (name) {
      case Setting.headerTableSize:
        this.headerTableSize = value
        this.leastTableSize = Math.min(this.leastTableSize, value)
        return 0
      case Setting.enablePush:
        return value === 0 || (value === 1 && !this.isFromServer) ? 0 : ErrorCode.protocol
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return 0
      case Setting.initialWindowSize:
        this.initialWindow = value
        return value > maxWindow ? ErrorCode.flowControl : 0
      case Setting.maxFrameSize:
        return value < maxFrameSize || value > 0xff_ffff ? ErrorCode.protocol : 0
      case Setting.enableConnectProtocol:
        this.allowsConnect = value === 1
        return value > 1 ? ErrorCode.protocol : 0
      default:
        return 0
    }
  }
}
