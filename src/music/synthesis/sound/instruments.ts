/** What plays notes: each adds its sound to samples. */
import type { Drawing } from '../drawing.ts'
import { whiteNoise } from './noise.ts'
import { type Harmonics, readPeriod, sineOf, Wavetable } from './wavetable.ts'

export const instruments = ['strings', 'organ', 'keys', 'flute', 'lead', 'pluck', 'bell'] as const
export type Instrument = (typeof instruments)[number]

export interface Note {
  /** Seconds from the beginning of the song. */
  readonly start: number
  /** Seconds that it is held. */
  readonly length: number
  /** MIDI number of its pitch; 69 is the A of 440 Hz. */
  readonly pitch: number
  /** 1 is usual. */
  readonly level: number
}

/** How a song has its instruments sound. */
export interface Tone {
  /** Samples a second. */
  readonly rate: number
  /** −1.2 to 1.2: how strong the upper harmonics are. */
  readonly brightness: number
  /** −1.2 to 1.2: how slowly notes begin and end. */
  readonly sustain: number
  /** 0 to 1.2: by how much two of each are out of tune. */
  readonly chorus: number
}

interface Envelope {
  /** Seconds until full level. */
  readonly attack: number
  /** Seconds in which it falls by half while held; infinite where it does not. */
  readonly halving: number
  /** Seconds in which it ends once let go. */
  readonly release: number
}

interface Voice extends Envelope {
  /** By the exponent with which harmonics fall. */
  readonly harmonics: (slope: number) => Harmonics
  /** Share of the pitch that it wavers by, some five times a second. */
  readonly vibrato: number
}

const forever = Number.POSITIVE_INFINITY

const voices: Readonly<Record<Exclude<Instrument, 'pluck' | 'bell'>, Voice>> = {
  strings: { attack: 0.18, halving: forever, release: 0.5, vibrato: 0.002, harmonics: slope => n => n ** -slope },
  organ: {
    attack: 0.02,
    halving: forever,
    release: 0.12,
    vibrato: 0,
    harmonics: slope => n => ((n & (n - 1)) === 0 ? n ** (-0.5 * slope) : 0),
  },
  keys: {
    attack: 0.005,
    halving: 0.4,
    release: 0.15,
    vibrato: 0,
    harmonics: slope => n => (n % 2 === 1 ? 1 : 0.5) * n ** -(slope + 0.4),
  },
  flute: { attack: 0.06, halving: forever, release: 0.15, vibrato: 0.005, harmonics: slope => n => n ** -(slope + 1) },
  lead: {
    attack: 0.01,
    halving: 1.2,
    release: 0.12,
    vibrato: 0.003,
    harmonics: slope => n => (n % 2 === 1 ? n ** (-0.8 * slope) : 0),
  },
}

/** Adds `notes` to `out`. */
export function play(
  instrument: Instrument,
  notes: readonly Note[],
  tone: Tone,
  out: Float32Array,
  drawing: Drawing,
): void {
  if (instrument === 'pluck') for (const note of notes) pluck(note, tone, out, drawing)
  else if (instrument === 'bell') for (const note of notes) ring(note, tone, out)
  else {
    const voice = voices[instrument]
    const table = new Wavetable(voice.harmonics(1.7 - 0.8 * tone.brightness), tone.rate)
    for (const note of notes) hold(voice, table, note, tone, out)
  }
}

export function hertzOf(pitch: number): number {
  return 440 * 2 ** ((pitch - 69) / 12)
}

/** A period read again and again under an envelope. */
function hold(voice: Voice, table: Wavetable, note: Note, { rate, sustain, chorus }: Tone, out: Float32Array): void {
  const stretch = 2 ** sustain
  const attack = Math.max(1, Math.round(voice.attack * stretch * rate))
  const release = Math.round(voice.release * stretch * rate)
  const decay = 0.5 ** (1 / (voice.halving * stretch * rate))
  const held = Math.max(attack, Math.round(note.length * rate))
  const hertz = hertzOf(note.pitch)
  const period = table.period(hertz)
  const apart = 0.004 * chorus
  const steps = chorus > 0.2 ? [hertz * (1 - apart), hertz * (1 + apart)] : [hertz]
  const begin = Math.round(note.start * rate)
  const end = Math.min(out.length, begin + held + release)
  for (const step of steps.map(each => each / rate)) {
    const scale = (0.2 * note.level) / Math.sqrt(steps.length)
    let [phase, level, bend] = [0, scale, 1]
    for (let at = begin, passed = 0; at < end; at++, passed++) {
      // Slow enough to be looked at seldom.
      if (voice.vibrato > 0 && passed % 64 === 0) bend = 1 + voice.vibrato * sineOf((5.2 * passed) / rate)
      level *= decay
      const rise = passed < attack ? passed / attack : 1
      const fall = passed < held ? 1 : 1 - (passed - held) / release
      out[at] = out[at]! + level * rise * fall * readPeriod(period, phase)
      phase += step * bend
      if (phase >= 1) phase -= 1
    }
  }
}

/** A plucked string: noise that goes round in a delay, lower in each turn (Karplus & Strong 1983). */
function pluck(
  { start, length, pitch, level }: Note,
  { rate, brightness, sustain }: Tone,
  out: Float32Array,
  drawing: Drawing,
): void {
  const period = Math.max(2, Math.round(rate / hertzOf(pitch)))
  const string = whiteNoise(period, drawing)
  // The darker the sound, the more often the noise was smoothed before.
  for (let times = Math.round(2 - 2 * brightness); times > 0; times--) {
    for (let at = 0; at < period; at++) string[at] = 0.5 * (string[at]! + string[(at + 1) % period]!)
  }
  // Lost in each turn: so that it falls by half in so many seconds.
  const kept = 0.5 ** (period / (rate * 0.35 * 2 ** sustain))
  const begin = Math.round(start * rate)
  const held = Math.round((length + 0.6 * 2 ** sustain) * rate)
  const end = Math.min(out.length, begin + held)
  for (let at = begin, place = 0; at < end; at++) {
    const next = place + 1 === period ? 0 : place + 1
    const value = string[place]!
    out[at] = out[at]! + 0.35 * level * value * Math.min(1, (begin + held - at) / 400)
    string[place] = kept * 0.5 * (value + string[next]!)
    place = next
  }
}

/** A struck bar: one sine that moves the phase of another, less and less (Chowning 1973). */
function ring({ start, length, pitch, level }: Note, { rate, brightness, sustain }: Tone, out: Float32Array): void {
  const step = hertzOf(pitch) / rate
  const begin = Math.round(start * rate)
  const held = Math.round((length + 0.8 * 2 ** sustain) * rate)
  const end = Math.min(out.length, begin + held)
  const decay = 0.5 ** (1 / (rate * 0.3 * 2 ** sustain))
  let amplitude = 0.25 * level
  let depth = 0.25 * 2 ** brightness
  for (let at = begin, passed = 0; at < end; at++, passed++) {
    const turns = 4 + step * passed
    out[at] = out[at]! + amplitude * Math.min(1, (held - passed) / 400) * sineOf(turns + depth * sineOf(3.5 * turns))
    amplitude *= decay
    depth *= decay * decay
  }
}
