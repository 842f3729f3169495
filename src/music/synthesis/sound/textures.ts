/** Noise behind the music: each adds about the same loudness at the level 1. */
import type { Drawing } from '../drawing.ts'
import { whiteNoise } from './noise.ts'
import { sineOf } from './wavetable.ts'

/** A hiss that swells a little, and drops: short high tones. */
export function rain(level: number, rate: number, out: Float32Array, drawing: Drawing): void {
  let [low, smooth] = [0, 0]
  const swell = drawing.between(0.1, 0.25)
  const noise = whiteNoise(out.length, drawing)
  for (let at = 0; at < out.length; at++) {
    const white = noise[at]!
    // Between about 1 and 5 kHz.
    low += 0.25 * (white - low)
    smooth += 0.6 * (white - low - smooth)
    out[at] = out[at]! + level * (0.22 + 0.05 * sineOf((swell * at) / rate)) * smooth
  }
  for (let drops = Math.round((90 * out.length) / rate); drops > 0; drops--) {
    const begin = drawing.below(out.length)
    const step = drawing.between(1800, 5500) / rate
    const loudness = level * 0.12 * drawing.between(0, 1) ** 3
    const halving = rate * drawing.between(0.002, 0.006)
    const decay = 0.5 ** (1 / halving)
    const end = Math.min(out.length, begin + Math.round(8 * halving))
    for (let at = begin, amplitude = loudness; at < end; at++, amplitude *= decay) {
      out[at] = out[at]! + amplitude * sineOf(step * (at - begin))
    }
  }
}

/** Noise through a resonance that wanders (state variable filter, Chamberlin 1985). */
export function wind(level: number, rate: number, out: Float32Array, drawing: Drawing): void {
  let [low, band, cutoff] = [0, 0, 0]
  const [slow, slower] = [drawing.between(0.1, 0.2), drawing.between(0.03, 0.08)]
  const noise = whiteNoise(out.length, drawing)
  for (let at = 0; at < out.length; at++) {
    if (at % 64 === 0) {
      const time = at / rate
      const hertz = 380 * 2 ** (0.7 * sineOf(slow * time) + 0.5 * sineOf(slower * time + 0.3))
      cutoff = 2 * Math.sin((Math.PI * hertz) / rate)
    }
    low += cutoff * band
    band += cutoff * (noise[at]! - low - 0.25 * band)
    out[at] = out[at]! + level * 0.12 * band
  }
}

/** A worn record: clicks now and then, and a faint hiss. */
export function crackle(level: number, rate: number, out: Float32Array, drawing: Drawing): void {
  const noise = whiteNoise(out.length, drawing)
  for (let at = 0; at < out.length; at++) out[at] = out[at]! + 0.006 * level * noise[at]!
  for (let clicks = Math.round((22 * out.length) / rate); clicks > 0; clicks--) {
    const begin = drawing.below(out.length)
    const loudness = level * 0.5 * drawing.between(0.1, 1) ** 2
    const end = Math.min(out.length, begin + 3 + drawing.below(12))
    for (let at = begin; at < end; at++) out[at] = out[at]! + loudness * drawing.between(-1, 1)
  }
}
