import {
  FrameType,
  data,
  endHeaders,
  frame,
  headers,
  ping,
  reset,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../helpers/h2-frames.ts'
import type { Chance } from './mutate.ts'

/** Frames with one to four changes, each of them one that a broken or a hostile peer could make. */
export function mutatedFrames(frames: readonly Buffer[], chance: Chance): readonly Buffer[] {
  let changed = frames
  for (let left = 1 + chance.below(4); left > 0; left--) changed = chance.pick(mutations)(changed, chance)
  return changed
}

/** All their bytes, in one to four pieces. */
export function framesInPieces(frames: readonly Buffer[], chance: Chance): readonly Buffer[] {
  const bytes = Buffer.concat(frames)
  const cuts = Array.from({ length: chance.below(4) }, () => chance.below(bytes.length + 1)).toSorted((a, b) => a - b)
  return [0, ...cuts].map((from, k) => bytes.subarray(from, cuts[k] ?? bytes.length)).filter((piece) => piece.length > 0)
}

type Mutation = (frames: readonly Buffer[], chance: Chance) => readonly Buffer[]

/** Changes the bytes of one frame. */
function inOne(change: (bytes: Buffer, chance: Chance) => Buffer): Mutation {
  return (frames, chance) => {
    if (frames.length === 0) return frames
    const at = chance.below(frames.length)
    return frames.toSpliced(at, 1, change(Buffer.from(frames[at]!), chance))
  }
}

const mutations: readonly Mutation[] = [
  inOne((bytes, chance) => at(bytes, chance.below(bytes.length), chance.below(256))),
  inOne((bytes, chance) => at(bytes, chance.below(bytes.length), chance.pick([0, 1, 0x7f, 0x80, 0xff, 13, 10]))),
  inOne((bytes, chance) => at(bytes, 3, chance.below(12))),
  inOne((bytes, chance) => at(bytes, 4, chance.pick([0, 1, 4, 5, 8, 9, 12, 13, 0x20, 0x24, 0x25, 0x2c, 0x2d, 0xff]))),
  inOne((bytes, chance) => at(bytes, 8, chance.pick([0, 1, 2, 3, 5, 7, 255]))),
  inOne((bytes, chance) => at(bytes, 2, chance.below(256))),
  // A shorter or longer payload whose length is right.
  inOne((bytes, chance) => relength(bytes.subarray(0, 9 + chance.below(bytes.length - 8)))),
  inOne((bytes, chance) =>
    relength(Buffer.concat([bytes, Buffer.from(Array.from({ length: chance.below(40) }, () => chance.below(256)))])),
  ),
  inOne((bytes, chance) => Buffer.concat([bytes, Buffer.from([chance.below(256)])])),
  inOne((bytes, chance) => bytes.subarray(0, chance.below(bytes.length))),
  (frames, chance) => frames.toSpliced(chance.below(frames.length + 1), 1),
  (frames, chance) => frames.toSpliced(chance.below(frames.length + 1), 0, ...(frames.length === 0 ? [] : [chance.pick(frames)])),
  (frames, chance) => frames.toSpliced(chance.below(frames.length + 1), 0, any(chance)),
  (frames, chance) => frames.toSpliced(chance.below(frames.length + 1), 0, any(chance), any(chance)),
  (frames) => frames.toReversed(),
]

/** A frame that is well-formed, on a stream that may not be there. */
function any(chance: Chance): Buffer {
  const stream = chance.pick([0, 1, 1, 1, 2, 3, 5, 99])
  const made: readonly (() => Buffer)[] = [
    () => settings([chance.below(8), chance.pick([0, 1, 100, 4096, 65_535, 0x7fffffff, 0xffffffff])]),
    () => settingsAck,
    () => ping('abcdefgh', chance.below(2)),
    () => windowUpdate(stream, chance.pick([0, 1, 1000, 0x7fffffff])),
    () => reset(stream, chance.below(16)),
    () => data(stream, 'x'.repeat(chance.below(100)), chance.below(2)),
    () => data(stream, '', chance.below(2)),
    () => headers(stream, Buffer.from([0x88]), endHeaders | chance.below(2)),
    () => headers(stream, Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x68]), endHeaders | chance.below(2)),
    () => headers(stream, Buffer.from([0, 1, 0x61, 1, 0x62]), endHeaders | chance.below(2)),
    () => frame(FrameType.continuation, chance.pick([0, endHeaders]), stream, Buffer.from([0x88])),
    () => frame(FrameType.priority, 0, stream, Buffer.alloc(5)),
    () => frame(FrameType.goaway, 0, 0, Buffer.concat([uint32(chance.pick([0, 1, 0x7fffffff])), uint32(chance.below(14))])),
    () => frame(FrameType.push, endHeaders, stream, Buffer.from([0, 0, 0, 2, 0x82])),
    () => frame(0xfa, 0, stream, Buffer.from('abc')),
  ]
  return chance.pick(made)()
}

function at(bytes: Buffer, place: number, value: number): Buffer {
  if (place < bytes.length) bytes[place] = value
  return bytes
}

function relength(bytes: Buffer): Buffer {
  if (bytes.length >= 9) bytes.writeUIntBE(bytes.length - 9, 0, 3)
  return bytes
}
