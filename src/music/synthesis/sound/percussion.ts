/** Drums, each made once for a song. */
import type { Drawing } from '../drawing.ts'
import { whiteNoise } from './noise.ts'
import { sineOf } from './wavetable.ts'

export const drums = ['kick', 'snare', 'hat', 'shaker'] as const
export type Drum = (typeof drums)[number]

export interface Hit {
  readonly drum: Drum
  /** Seconds from the beginning of the song. */
  readonly start: number
  readonly level: number
}

/** Adds `hits` to `out`. */
export function strike(hits: readonly Hit[], rate: number, out: Float32Array, drawing: Drawing): void {
  const sounds = {
    kick: kick(rate),
    snare: snare(rate, drawing),
    hat: noise(rate, 0.05, drawing),
    shaker: noise(rate, 0.09, drawing),
  }
  for (const { drum, start, level } of hits) {
    const sound = sounds[drum]
    const begin = Math.round(start * rate)
    const end = Math.min(out.length, begin + sound.length)
    for (let at = begin; at < end; at++) out[at] = out[at]! + level * sound[at - begin]!
  }
}

/** A sine that falls from 150 to 45 Hz. */
function kick(rate: number): Float32Array {
  let turns = 0
  return Float32Array.from({ length: Math.round(0.3 * rate) }, (_, at) => {
    const time = at / rate
    turns += (45 + 105 * Math.exp(-time / 0.03)) / rate
    return 0.9 * Math.exp(-time / 0.09) * sineOf(turns)
  })
}

function snare(rate: number, drawing: Drawing): Float32Array {
  const rattle = noise(rate, 0.18, drawing)
  return rattle.map((value, at) => 0.9 * value + 0.25 * Math.exp(-at / (0.05 * rate)) * sineOf((190 * at) / rate))
}

/** Noise whose low part is left out, for some `seconds`. */
function noise(rate: number, seconds: number, drawing: Drawing): Float32Array {
  let before = 0
  return whiteNoise(Math.round(seconds * rate), drawing).map((now, at) => {
    const high = 0.5 * (now - before)
    before = now
    return 0.7 * Math.exp((-4 * at) / (seconds * rate)) * high
  })
}
