import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { gigabytes, processMemory } from '../../../storage/process-memory.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import { melBands, melFloor } from '../../audio/mel.ts'
import type { LabelledClip } from './clips.ts'
import type { DecodeArgs, DecodedClip } from './decode-jobs.ts'

const work = workerModuleUrl('./decode-jobs', import.meta.url)
/** Files of a job. */
const filesOfJob = 4
/** What of the memory frames may have. */
const mostMemory = 0.6

/** What the values of a band are standardised by: of natural logarithms of power. */
export interface Standard {
  /** (bands) */
  readonly mean: Float32Array
  /** (bands) */
  readonly deviation: Float32Array
}

/** What a standardised value is at least, that of silence: deviations below the mean. */
export const quietest = -3

/** Log-mel frames of clips in shared memory, each band standardised, and what they are labelled with. */
export interface ClipFrames {
  /** (frames of all clips × bands) */
  readonly values: Float32Array
  /** (clips + 1) The first frame of each. */
  readonly starts: Uint32Array
  /** (clips × classes) From 0 to 1; of single labels each row sums to 1. */
  readonly targets: Float32Array
  readonly classes: number
  /** What a value of silence has become. */
  readonly silence: number
  /** (bands) What a natural logarithm counts after the standardisation. */
  readonly scale: Float32Array
}

/** How far the reading of files has come. */
export interface ReadingProgress {
  readonly files: number
  readonly of: number
  /** Seconds of sound that were kept so far. */
  readonly seconds: number
}

export interface ReadClips {
  /** Of each clip that can be used (frames × bands), and undefined of others. */
  readonly frames: readonly (Float32Array | undefined)[]
  /** What cannot be used, and why. */
  readonly faults: readonly string[]
}

export interface ReadOptions {
  /** Of each file this many seconds in the middle at the most. */
  readonly seconds: number
  readonly pool: Pool
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ReadingProgress) => void) | undefined
}

/**
 * Log-mel frames of sound files, read by all workers.
 *
 * @throws RangeError where they would not fit in memory.
 */
export async function readFrames(
  files: readonly string[],
  { seconds, pool, signal, onProgress }: ReadOptions,
): Promise<ReadClips> {
  const frames = new Array<Float32Array | undefined>(files.length)
  const faults: string[] = []
  let [next, read, values] = [0, 0, 0]
  const most = (processMemory() * mostMemory) / Float32Array.BYTES_PER_ELEMENT
  const readSome = async () => {
    while (next < files.length) {
      const first = next
      next += filesOfJob
      const args: DecodeArgs = { files: files.slice(first, next), seconds }
      const decoded = await pool.run<DecodedClip[]>(work, 'decode', args, signal)
      decoded.forEach(({ values: own, fault }, at) => {
        if (fault !== undefined) faults.push(fault)
        frames[first + at] = own
        values += own?.length ?? 0
      })
      read += decoded.length
      // Those of the training are copied to shared memory, too.
      if (values * 2 > most) throw new RangeError(tooMuch(values, read, files.length, seconds))
      onProgress?.({ files: read, of: files.length, seconds: (values / melBands) * 0.016 })
    }
  }
  await Promise.all(Array.from({ length: pool.threads }, readSome))
  return { frames, faults: faults.sort() }
}

function tooMuch(values: number, read: number, files: number, seconds: number): string {
  const needed = gigabytes((values / read) * files * 2 * Float32Array.BYTES_PER_ELEMENT)
  return `${files} files need about ${needed} of memory, and this machine has ${gigabytes(processMemory())}: take fewer seconds of each (seconds, --seconds) than ${seconds}`
}

/** Mean and deviation of each band over all frames that are not silent. */
export function standardOf(clips: readonly Float32Array[]): Standard {
  const silent = Math.log(melFloor) + 1e-3
  const [sums, squares] = [new Float64Array(melBands), new Float64Array(melBands)]
  let frames = 0
  for (const values of clips) {
    for (let begin = 0; begin < values.length; begin += melBands) {
      if (!values.subarray(begin, begin + melBands).some(value => value > silent)) continue
      frames++
      for (let band = 0; band < melBands; band++) {
        const value = values[begin + band]!
        sums[band]! += value
        squares[band]! += value * value
      }
    }
  }
  const mean = Float32Array.from(sums, sum => sum / Math.max(1, frames))
  const deviation = Float32Array.from(squares, (square, band) =>
    Math.max(1e-3, Math.sqrt(Math.max(0, square / Math.max(1, frames) - mean[band]! ** 2))),
  )
  return { mean, deviation }
}

/** Standardises frames (any number × bands) in place. */
export function standardise(values: Float32Array, { mean, deviation }: Standard): void {
  for (let begin = 0; begin < values.length; begin += melBands) {
    for (let band = 0; band < melBands; band++) {
      const at = begin + band
      values[at] = Math.max(quietest, (values[at]! - mean[band]!) / deviation[band]!)
    }
  }
}

/** Clips and what they are labelled with in shared memory; the frames are standardised on the way. */
export function clipFrames(
  clips: readonly { readonly clip: LabelledClip; readonly values: Float32Array }[],
  labels: readonly string[],
  standard: Standard,
): ClipFrames {
  const total = clips.reduce((sum, { values }) => sum + values.length, 0)
  const values = sharedArray(Float32Array, total)
  const starts = sharedArray(Uint32Array, clips.length + 1)
  const targets = sharedArray(Float32Array, clips.length * labels.length)
  const scale = sharedArray(Float32Array, melBands)
  scale.set(standard.deviation.map(deviation => 1 / deviation))
  const places = new Map(labels.map((label, at) => [label, at]))
  let written = 0
  clips.forEach(({ clip, values: own }, row) => {
    values.set(own, written)
    written += own.length
    starts[row + 1] = written / melBands
    for (const label of clip.labels) targets[row * labels.length + places.get(label)!] = 1
  })
  standardise(values, standard)
  return { values, starts, targets, classes: labels.length, silence: quietest, scale }
}
