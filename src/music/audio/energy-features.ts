import { melBands, melHop, melRate } from './mel.ts'
import { melSlices } from './mel-slices.ts'

/** What the energy of a sound is predicted by. */
export interface EnergyFeatures {
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

/** Measures the energy features of a sound whose frames come a few at a time. */
export class EnergyMeter {
  #frames = 0
  #voiced = 0
  #loudness = 0
  #flux = 0
  #brightness = 0
  readonly #before = new Float32Array(melBands)

  /** @param values (frames × {@link melBands}) Natural logarithms of power, of the frames that follow those before. */
  add(values: Float32Array): void {
    for (let begin = 0; begin < values.length; begin += melBands) {
      const bands = values.subarray(begin, begin + melBands)
      let [power, centroid, rise] = [0, 0, 0]
      for (let band = 0; band < melBands; band++) {
        const value = Math.exp(bands[band]!)
        power += value
        centroid += band * value
        if (this.#frames > 0) rise += Math.max(0, bands[band]! - this.#before[band]!)
      }
      this.#frames++
      this.#loudness += Math.log(power)
      this.#before.set(bands)
      if (power < leastPower) continue
      this.#voiced++
      this.#flux += rise / melBands
      this.#brightness += centroid / power
    }
  }

  /** @param seconds Of sound that was decoded; 0 where that is not known. */
  features(seconds: number): EnergyFeatures {
    return {
      loudness: this.#loudness / Math.max(1, this.#frames),
      flux: this.#flux / Math.max(1, this.#voiced),
      brightness: this.#brightness / Math.max(1, this.#voiced),
      seconds: seconds > 0 ? seconds : (this.#frames * melHop) / melRate,
    }
  }
}

/**
 * The energy features of the sound file at `path`, a slice at a time.
 *
 * @throws Error that says why it cannot be read; the reason of the signal when it is aborted.
 */
export async function energyFeaturesOf(path: string, signal?: AbortSignal): Promise<EnergyFeatures> {
  const meter = new EnergyMeter()
  let seconds = 0
  for await (const { values, frames, decoded } of melSlices(path, { frames: sliceFrames, ...(signal && { signal }) })) {
    meter.add(values.subarray(0, frames * melBands))
    seconds = decoded.seconds
  }
  return meter.features(seconds)
}
