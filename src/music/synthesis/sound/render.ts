import { Drawing } from '../drawing.ts'
import type { SongPlan } from '../songs.ts'
import { type Note, play, type Tone } from './instruments.ts'
import { strike } from './percussion.ts'
import { reverb } from './reverb.ts'
import { scoreOf } from './score.ts'
import { crackle, rain, wind } from './textures.ts'
import { sineOf } from './wavetable.ts'

/** The samples of a song, ±1 at full scale. */
export function render(plan: SongPlan, rate: number): Float32Array {
  const { traits, seconds, lead, chords, seed } = plan
  const drawing = new Drawing(seed)
  const score = scoreOf(plan, drawing)
  const { brightness, sustain } = traits
  const tone: Tone = { rate, brightness, sustain, chorus: Math.max(0, traits.chorus) }
  const music = new Float32Array(Math.round(seconds * rate))
  play(chords, quieter(score.chords, 0.6), tone, music, drawing)
  play(lead, score.melody, tone, music, drawing)
  waver(music, Math.min(0.8, 0.6 * traits.tremolo), rate)
  const room = 0.12 + 0.4 * Math.max(0, traits.reverb + 0.3)
  const wet = reverb(music, rate, 0.6 + 1.6 * Math.max(0, traits.reverb + 0.2))
  for (let at = 0; at < music.length; at++) music[at] = music[at]! + 2 * room * wet[at]!
  const bass: Tone = { rate, brightness: brightness - 0.4, sustain: 0, chorus: 0 }
  play('keys', quieter(score.bass, 0.9 * 2 ** (0.9 * traits.bass)), bass, music, drawing)
  strike(score.drums, rate, music, drawing)
  darken(music, 5000 * 4 ** brightness, rate)
  master(music, 10 ** ((-21 + 5 * traits.loudness) / 20), traits.loudness)
  addTextures(plan, rate, music, drawing)
  fade(music, rate)
  return music
}

function quieter(notes: readonly Note[], by: number): Note[] {
  return notes.map(({ start, length, pitch, level }) => ({ start, length, pitch, level: level * by }))
}

/** Tremolo: has the samples swell five times a second, between all of their level and that less `depth` of it. */
function waver(samples: Float32Array, depth: number, rate: number): void {
  if (depth <= 0) return
  for (let at = 0; at < samples.length; at++) {
    samples[at] = samples[at]! * (1 - depth * (0.5 + 0.5 * sineOf((5 * at) / rate)))
  }
}

/** A low-pass of the first order. */
function darken(samples: Float32Array, hertz: number, rate: number): void {
  const share = 1 - Math.exp((-2 * Math.PI * hertz) / rate)
  let low = 0
  for (let at = 0; at < samples.length; at++) {
    low += share * (samples[at]! - low)
    samples[at] = low
  }
}

/** Brings the samples to a root mean square of `level`; peaks are bent. */
function master(samples: Float32Array, level: number, loudness: number): void {
  let power = 0
  for (let at = 0; at < samples.length; at++) power += (samples[at]! * samples[at]!) / samples.length
  const drive = 1 + Math.max(0, loudness)
  const gain = (level * drive) / Math.sqrt(power + 1e-12)
  for (let at = 0; at < samples.length; at++) samples[at] = Math.tanh(gain * samples[at]!) / drive
}

function addTextures({ traits }: SongPlan, rate: number, samples: Float32Array, drawing: Drawing): void {
  if (traits.rain > 0) rain(traits.rain, rate, samples, drawing)
  if (traits.wind > 0) wind(traits.wind, rate, samples, drawing)
  if (traits.crackle > 0) crackle(traits.crackle, rate, samples, drawing)
}

/** In at once, out slowly. */
function fade(samples: Float32Array, rate: number): void {
  const [rise, fall] = [0.01 * rate, Math.min(0.8 * rate, samples.length / 3)]
  for (let at = 0; at < samples.length; at++) {
    const gain = Math.min(1, at / rise, (samples.length - at) / fall)
    if (gain < 1) samples[at] = samples[at]! * gain
  }
}
