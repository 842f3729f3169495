/** Samples of one period. */
const size = 2048
const sine = Float32Array.from({ length: size }, (_, at) => Math.sin((2 * Math.PI * at) / size))

/** Amplitude of the harmonic `n`, from 1 on. */
export type Harmonics = (n: number) => number

/** One period of a sound with as many of its harmonics as fit below half the rate, for notes of any pitch. */
export class Wavetable {
  readonly #harmonics: Harmonics
  readonly #rate: number
  readonly #periods = new Map<number, Float32Array>()

  constructor(harmonics: Harmonics, rate: number) {
    this.#harmonics = harmonics
    this.#rate = rate
  }

  /** (size + 1) The period for a note of `hertz`; its last sample is its first again. */
  period(hertz: number): Float32Array {
    const count = Math.max(1, Math.min(20, Math.floor((0.45 * this.#rate) / hertz)))
    const known = this.#periods.get(count)
    if (known) return known
    const period = new Float32Array(size + 1)
    let power = 0
    for (let n = 1; n <= count; n++) {
      const amplitude = this.#harmonics(n)
      if (amplitude === 0) continue
      power += amplitude * amplitude
      for (let at = 0; at <= size; at++) period[at] = period[at]! + amplitude * sine[(at * n) % size]!
    }
    const level = 1 / Math.sqrt(power)
    for (let at = 0; at <= size; at++) period[at] = period[at]! * level
    this.#periods.set(count, period)
    return period
  }
}

/** Reads `period` at `phase`, a share of it from 0 to below 1, between its samples linearly. */
export function readPeriod(period: Float32Array, phase: number): number {
  const place = phase * size
  const before = place | 0
  const first = period[before]!
  return first + (place - before) * (period[before + 1]! - first)
}

/** Of an angle given as a share of the whole, 0 or more. */
export function sineOf(turns: number): number {
  return sine[((turns - Math.floor(turns)) * size) | 0]!
}
