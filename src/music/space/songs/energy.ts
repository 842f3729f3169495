import { melBands, melHop, melRate } from '../../audio/mel.ts'
import { melSlices } from '../../audio/mel-slices.ts'

/** What liveliness is told by. */
export interface Liveliness {
  /** The mean of the logarithm of the power of a frame, all bands together. */
  readonly loudness: number
  /** The mean rise of the logarithm of a band's power from one frame to the next, falls counting 0: the spectral flux, high where there are many onsets. */
  readonly flux: number
  /** The mean band, weighted by power: the spectral centroid in mel bands. */
  readonly brightness: number
  readonly seconds: number
}

const sliceFrames = 1024
/** Frames whose power is below this are silence, and have neither flux nor brightness. */
const leastPower = 1e-8

/**
 * Listens to the sound file at `path`, a slice at a time.
 *
 * @throws Error that says why it cannot be read; the reason of the signal when it is aborted.
 */
export async function livelinessOf(path: string, signal?: AbortSignal): Promise<Liveliness> {
  let [frames, voiced, loudness, flux, brightness, seconds] = [0, 0, 0, 0, 0, 0]
  let before: Float32Array | undefined
  for await (const slice of melSlices(path, { frames: sliceFrames, ...(signal && { signal }) })) {
    seconds = slice.decoded.seconds
    for (let frame = 0; frame < slice.frames; frame++) {
      const bands = slice.values.subarray(frame * melBands, (frame + 1) * melBands)
      let [power, centroid, rise] = [0, 0, 0]
      for (let band = 0; band < melBands; band++) {
        const value = Math.exp(bands[band]!)
        power += value
        centroid += band * value
        if (before) rise += Math.max(0, bands[band]! - before[band]!)
      }
      frames++
      loudness += Math.log(power)
      before = bands
      if (power < leastPower) continue
      voiced++
      flux += rise / melBands
      brightness += centroid / power
    }
  }
  return {
    loudness: loudness / Math.max(1, frames),
    flux: flux / Math.max(1, voiced),
    brightness: brightness / Math.max(1, voiced),
    seconds: seconds > 0 ? seconds : (frames * melHop) / melRate,
  }
}

/**
 * How lively songs are, from 0 to 1: the mean of the places (0 the least, 1 the most) that a song has in its collection by loudness, by flux and by
 * brightness, again as places. So energies are spread evenly whatever the collection, and say nothing across collections. NaN where a
 * song was not listened to; 0.5 of a single one.
 */
export function energies(songs: readonly (Liveliness | undefined)[]): Float32Array {
  const measures = (['loudness', 'flux', 'brightness'] as const).map(name =>
    places(songs.map(song => song?.[name] ?? Number.NaN)),
  )
  return Float32Array.from(places(songs.map((_, song) => measures.reduce((sum, places) => sum + places[song]!, 0))))
}

/** The place of each value among all, from 0 to 1; that of equal ones is the mean of theirs. NaN stays. */
export function places(values: readonly number[]): number[] {
  const order = [...values.keys()].filter(at => !Number.isNaN(values[at]!)).sort((a, b) => values[a]! - values[b]!)
  const found = values.map(() => Number.NaN)
  for (let begin = 0; begin < order.length; ) {
    let end = begin
    while (end < order.length && values[order[end]!] === values[order[begin]!]) end++
    const place = order.length > 1 ? (begin + end - 1) / 2 / (order.length - 1) : 0.5
    for (; begin < end; begin++) found[order[begin]!] = place
  }
  return found
}
