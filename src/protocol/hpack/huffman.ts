import { codeLengths, codes, endOfString } from './huffman-codes.ts'

// Decoding goes four bits at a time through a machine whose states are the inner nodes of the code's tree: no code is shorter than
// five bits, so a step gives one byte at most. By bytes the table would be 256 KB, and more time would go into missing the cache
// than into steps.

const emits = 1 << 16
const fails = 1 << 17
/** An entry a state and nibble: the next state (8 bits), the byte that ended (8 bits), whether one did, whether it was EOS. */
const steps = new Int32Array(256 * 16)
/** 1 where a string may end: at a symbol's end, or after fewer than eight ones of padding. */
const mayEnd = new Uint8Array(256)
buildMachine()

/** Bytes that so many coded ones are at most. */
export function decodedRoom(length: number): number {
  return Math.floor((length * 8) / 5) + 1
}

/** Decodes bytes between two offsets to `at`; the offset behind, or -1: EOS among them, or padding that is not ones or is a byte long. */
// oxlint-disable-next-line max-params -- two buffers and their offsets, on the path of every field
export function huffmanDecode(bytes: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  let state = 0
  let o = at
  let failed = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    // The byte is written whether a symbol ended or not, and counted only then: a branch here would be guessed wrong half of the time.
    let step = steps[(state << 4) | (byte >> 4)]!
    out[o] = step >> 8
    o += (step >> 16) & 1
    failed |= step
    step = steps[((step & 255) << 4) | (byte & 15)]!
    out[o] = step >> 8
    o += (step >> 16) & 1
    failed |= step
    state = step & 255
  }
  return (failed & fails) === 0 && mayEnd[state] === 1 ? o : -1
}

/** A node of the code's tree while the machine is built: leaves are symbols, inner nodes get the numbers of states. */
type Node = { readonly symbol: number } | { readonly state: number; zero: Node | undefined; one: Node | undefined }

function buildMachine(): void {
  const states: Exclude<Node, { symbol: number }>[] = []
  const inner = (): Exclude<Node, { symbol: number }> => {
    const node = { state: states.length, zero: undefined, one: undefined }
    states.push(node)
    return node
  }
  const root = inner()
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    let node = root
    for (let bit = codeLengths[symbol]! - 1; bit >= 0; bit--) {
      const side = ((codes[symbol]! >>> bit) & 1) === 0 ? 'zero' : 'one'
      const next: Node = node[side] ?? (bit === 0 ? { symbol } : inner())
      node[side] = next
      if ('state' in next) node = next
    }
  }
  let padding: Node = root
  for (let depth = 0; depth < 8 && 'state' in padding; depth++) {
    mayEnd[padding.state] = 1
    padding = padding.one!
  }
  for (const { state } of states)
    for (let nibble = 0; nibble < 16; nibble++) steps[(state << 4) | nibble] = stepOf(states[state]!, nibble, root)
}

function stepOf(from: Node, nibble: number, root: Node): number {
  let node = from
  let step = 0
  for (let bit = 3; bit >= 0; bit--) {
    if (!('state' in node)) throw new Error('unreachable: a leaf is left at once')
    const next: Node = ((nibble >> bit) & 1) === 0 ? node.zero! : node.one!
    if ('symbol' in next) step = next.symbol === endOfString ? fails : emits | (next.symbol << 8)
    node = 'symbol' in next ? root : next
  }
  return 'state' in node ? step | node.state : step
}
