import { melBands, melHop, melRate } from './mel.ts'
import { melSlices } from './mel-slices.ts'

/** What the energy of a sound is predicted by. */
export interface EnergyFeatures {
  /** The logarithm of the mean power of a frame, all bands together: the level. */
  readonly loudness: number
  /**
   * The mean rise of the logarithm of the power below 530 Hz over two frames (32 ms), falls counting 0: low-frequency spectral flux, high where
   * drums and basses set in often and hard. What is 40 dB below the loudest frame counts as silence.
   */
  readonly flux: number
  /** From 0 to 1: the highest autocorrelation of these rises at 0.24 to 1.28 s (47 to 250 beats a minute), the clarity of the pulse; low in noise. */
  readonly pulse: number
  readonly seconds: number
}

/** Bands below 530 Hz. */
const lowBands = 16
/** Frames from one to that which it is compared with. */
const step = 2
/** Of the power of the loudest frame, and at least: what is below is silence. */
const [audible, leastPower] = [1e-4, 1e-8]
/** In frames. */
const [shortestBeat, longestBeat] = [15, 80]
/** In frames, 16 s: a pulse is looked for in so much at a time, since it may change. */
const pulseFrames = 1024

/**
 * Measures the energy features of a sound whose frames come a few at a time, of which it keeps a number each.
 *
 * Level, low-frequency flux (Alluri & Toiviainen 2010; Burger et al. 2013: what people move to) and pulse clarity (Lartillot et al. 2008). The
 * energies made of these have rank correlation 0.87 with the true ones of 400 made-up songs (`aurochs music demo`; chosen by 240 of them, 0.88 on the others).
 * Measured worse on the 240: mean log power, flux over all bands one by one and spectral centroid, 0.44, which also took noise for energy; level
 * and flux of the whole power, 0.75; these with its pulse, 0.82. SuperFlux (Böck & Widmer 2013) below 530 Hz in place of the flux, 0.86, left sea waves high. Of
 * ESC-10's ten kinds of sounds, mean energies of rain and sea waves went from 0.65 and 0.62 to 0.32 and 0.38, that of helicopters from 0.42 to 0.76.
 */
export class EnergyMeter {
  /** Of each frame the power below 530 Hz. */
  #low = new Float32Array(pulseFrames)
  #frames = 0
  #power = 0

  /** @param values (frames × {@link melBands}) Natural logarithms of power, of the frames that follow those before. */
  add(values: Float32Array): void {
    for (let begin = 0; begin < values.length; begin += melBands) {
      let [power, low] = [0, 0]
      for (let band = 0; band < melBands; band++) {
        power += Math.exp(values[begin + band]!)
        if (band === lowBands - 1) low = power
      }
      this.#power += power
      if (this.#frames === this.#low.length) {
        const longer = new Float32Array(2 * this.#frames)
        longer.set(this.#low)
        this.#low = longer
      }
      this.#low[this.#frames++] = low
    }
  }

  /** @param seconds Of sound that was decoded; 0 where that is not known. */
  features(seconds: number): EnergyFeatures {
    const frames = Math.max(1, this.#frames)
    const rises = this.#rises()
    return {
      loudness: Math.log(this.#power / frames + leastPower),
      flux: rises.reduce((sum, rise) => sum + rise, 0) / frames,
      pulse: pulseOf(rises),
      seconds: seconds > 0 ? seconds : (this.#frames * melHop) / melRate,
    }
  }

  #rises(): Float32Array {
    const low = this.#low.subarray(0, this.#frames)
    const least = Math.max(leastPower, audible * low.reduce((most, power) => Math.max(most, power), 0))
    const levels = low.map(power => Math.log(Math.max(least, power)))
    return levels.map((level, frame) => (frame < step ? 0 : Math.max(0, level - levels[frame - step]!)))
  }
}

/** The mean of the clarity over the parts of a sound, weighted by their lengths. */
function pulseOf(rises: Float32Array): number {
  let sum = 0
  for (let begin = 0; begin < rises.length; begin += pulseFrames) {
    const part = rises.subarray(begin, begin + pulseFrames)
    sum += part.length * clarityOf(part)
  }
  return sum / Math.max(1, rises.length)
}

/** The highest autocorrelation at a beat, of values less their mean; 0 where they do not vary. */
function clarityOf(values: Float32Array): number {
  const { length } = values
  const mean = values.reduce((sum, value) => sum + value, 0) / length
  const parts = values.map(value => value - mean)
  const variance = parts.reduce((sum, value) => sum + value * value, 0) / length
  if (variance < 1e-9) return 0
  let most = 0
  // Of fewer repetitions than two, chance would say most.
  for (let beat = shortestBeat; beat <= Math.min(longestBeat, length / 2); beat++) {
    let product = 0
    for (let at = beat; at < length; at++) product += parts[at]! * parts[at - beat]!
    most = Math.max(most, product / (length - beat) / variance)
  }
  return Math.min(1, most)
}

const sliceFrames = 1024

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
