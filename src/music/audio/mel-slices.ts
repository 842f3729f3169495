import { assertWholeNumber } from '../../storage/whole-number.ts'
import { type Decoded, decodedOf, type MelOptions, melBands, melFloor, openMel } from './mel.ts'

const mostFrames = 65_536
/** Frames of one call at least. */
const leastRead = 256

export interface MelSliceOptions extends MelOptions {
  /** Frames of a slice, from 1 to 65536. */
  readonly frames: number
  /** Frames from the beginning of one slice to that of the next, from 1 to 65536. Default: `frames`, side by side. */
  readonly hop?: number
  /**
   * What becomes of the last frames where they are too few for a slice: they are followed by silence (`pad`, the default, so
   * that every file has a slice), or left out (`drop`).
   */
  readonly rest?: 'pad' | 'drop'
  readonly signal?: AbortSignal
}

/** Some successive frames of a file. */
export interface MelSlice {
  /** (`frames` of the options × {@link melBands}) Nobody else's. */
  readonly values: Float32Array
  /** The number that the first of them has in the file. */
  readonly first: number
  /** How many are of the file; silence is behind them. */
  readonly frames: number
  /** Of the file up to here. */
  readonly decoded: Decoded
}

/**
 * The frames of the sound file at `path` in slices, of which few are in memory at a time: for files of any length. Every frame
 * is in a slice, unless `hop` is above `frames` or `rest` is `drop`.
 *
 * @throws Error and RangeError as `melOfFile`, from the first slice on.
 */
export async function* melSlices(
  path: string,
  { frames, hop = frames, rest = 'pad', signal, ...options }: MelSliceOptions,
): AsyncGenerator<MelSlice, void, undefined> {
  assertWholeNumber('frames', frames, 1, mostFrames)
  assertWholeNumber('hop', hop, 1, mostFrames)
  const reader = openMel(path, options)
  try {
    const silence = options.scale === 'power' ? 0 : Math.fround(Math.log(Math.fround(melFloor)))
    const reading = Math.min(Math.max(hop, leastRead), mostFrames)
    // Numbers of frames in the part: the first that is waiting, the first of the next slice, the first that is in none.
    let [start, next, covered] = [0, 0, 0]
    let waiting = new Float32Array(0)
    for (let isLast = false; !isLast; ) {
      signal?.throwIfAborted()
      const part = await reader.read(reading)
      isLast = part.values.length < reading * melBands
      waiting = joined(waiting, part.values)
      const end = start + waiting.length / melBands
      const isRest = () => isLast && rest === 'pad' && end > Math.max(next, covered)
      while (next + frames <= end || isRest()) {
        const own = waiting.subarray((next - start) * melBands, (next - start + frames) * melBands)
        const values = new Float32Array(frames * melBands).fill(silence, own.length)
        values.set(own)
        yield { values, first: part.first + next, frames: own.length / melBands, decoded: decodedOf(part) }
        covered = next + frames
        next += hop
      }
      const kept = Math.min(next, end)
      waiting = waiting.slice((kept - start) * melBands)
      start = kept
    }
  } finally {
    reader.close()
  }
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const both = new Float32Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
