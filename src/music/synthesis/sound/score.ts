/** The notes of a song: chords, a melody over them, a bass below, and drums. */
import type { Drawing } from '../drawing.ts'
import type { SongPlan } from '../songs.ts'
import { hertzOf, type Note } from './instruments.ts'
import type { Hit } from './percussion.ts'

export interface Score {
  /** Beats a minute. */
  readonly tempo: number
  readonly chords: readonly Note[]
  readonly melody: readonly Note[]
  readonly bass: readonly Note[]
  readonly drums: readonly Hit[]
}

/** Semitones of a scale above its first note. */
type Scale = readonly number[]

const major: Scale = [0, 2, 4, 5, 7, 9, 11]
const mixolydian: Scale = [0, 2, 4, 5, 7, 9, 10]
const dorian: Scale = [0, 2, 3, 5, 7, 9, 10]
const minor: Scale = [0, 2, 3, 5, 7, 8, 10]

/** Places of the scale that chords are built on, one a bar. */
const progressions: Readonly<Record<'major' | 'minor', readonly (readonly number[])[]>> = {
  // biome-ignore-start format: lists
  major: [
    [0, 4, 5, 3],
    [0, 3, 0, 4],
    [0, 5, 3, 4],
    [0, 3, 1, 4],
  ],
  minor: [
    [0, 5, 2, 6],
    [0, 3, 5, 4],
    [0, 6, 5, 6],
    [0, 5, 3, 0],
  ],
  // biome-ignore-end format: lists
}

/** Eighths of a bar. */
const steps = 8

export function tempoOf({ tempo }: SongPlan['traits']): number {
  return 92 * 2 ** (0.55 * tempo)
}

/** Draws the notes of a song. */
export function scoreOf(plan: SongPlan, drawing: Drawing): Score {
  const { traits, key, seconds } = plan
  const tempo = tempoOf(traits)
  const scale = scaleOf(traits.minor, drawing)
  const bar = 240 / tempo
  const bars = Math.ceil(seconds / bar)
  const progression = drawing.pick(progressions[scale[2] === 3 ? 'minor' : 'major'])
  // From G below middle C for a usual register.
  const root = 50 + ((key + 6) % 12) + Math.round(9 * traits.register)
  const pitchOf = (degree: number) => root + 12 * Math.floor(degree / 7) + scale[((degree % 7) + 7) % 7]!
  const roots = Array.from({ length: bars }, (_, at) => progression[at % progression.length]!)
  const context: Context = { plan, drawing, bar, roots, pitchOf }
  const within = <Timed extends { readonly start: number }>(all: Timed[]) => all.filter(({ start }) => start < seconds)
  return {
    tempo,
    chords: within(chordsOf(context)),
    melody: within(melodyOf(context)),
    bass: within(bassOf(context)),
    drums: within(drumsOf(context)),
  }
}

interface Context {
  readonly plan: SongPlan
  readonly drawing: Drawing
  /** Seconds of a bar. */
  readonly bar: number
  /** (bars) */
  readonly roots: readonly number[]
  /** Of a place in the scale. */
  readonly pitchOf: (degree: number) => number
}

function scaleOf(wanted: number, drawing: Drawing): Scale {
  if (wanted > 0.3) return minor
  if (wanted < -0.3) return major
  return drawing.pick(wanted > 0 ? [minor, dorian] : [major, mixolydian])
}

function chordsOf({ plan: { traits }, drawing, bar, roots, pitchOf }: Context): Note[] {
  const chord = traits.sustain > 0.4 ? [0, 2, 4, 6] : [0, 2, 4]
  const eighth = bar / steps
  if (traits.repetition > 0.4) {
    // The same broken chord throughout.
    const order = drawing.shuffled([0, 2, 4, 7])
    const pattern = Array.from({ length: 2 * steps }, (_, at) => order[at % order.length]!)
    return roots.flatMap((root, at) =>
      pattern.map((degree, step) => ({
        start: at * bar + (step * eighth) / 2,
        length: 0.4 * eighth,
        pitch: pitchOf(root + degree),
        level: step % 4 === 0 ? 1 : 0.75,
      })),
    )
  }
  const rhythm =
    traits.sustain > 0
      ? [0]
      : drawing.pick([
          [0, 3, 6],
          [0, 2, 4, 6],
          [0, 3, 4, 7],
        ])
  const length = traits.sustain > 0 ? bar * (0.9 + 0.1 * traits.sustain) : eighth * (1.2 + 0.8 * traits.sustain)
  return roots.flatMap((root, at) =>
    rhythm.flatMap(step =>
      chord.map(degree => ({
        start: at * bar + step * eighth,
        length: Math.max(0.05, length),
        pitch: pitchOf(root + degree),
        level: 1.4 / chord.length,
      })),
    ),
  )
}

/** A bar of steps through the scale, which later bars have again, or vary. */
function melodyOf({ plan: { traits }, drawing, bar, roots, pitchOf }: Context): Note[] {
  const eighth = bar / steps
  const density = Math.min(0.95, Math.max(0.12, 0.42 + 0.3 * traits.movement))
  const newMotif = () => {
    let degree = drawing.pick([7, 9, 11])
    return Array.from({ length: steps }, (_, step) => {
      degree = Math.max(4, Math.min(15, degree + drawing.pick([-2, -1, -1, 0, 1, 1, 2])))
      return drawing.chance(step % 4 === 0 ? density + 0.3 : density) ? degree : undefined
    })
  }
  let motif = newMotif()
  return roots.flatMap((root, at) => {
    if (at > 0 && drawing.chance(0.45 - 0.4 * traits.repetition)) motif = newMotif()
    return motif.flatMap((degree, step) => {
      if (degree === undefined) return []
      // On the beat, of the chord.
      const nearest = step % 4 === 0 ? root + 7 + [0, 2, 4][(degree + at) % 3]! : degree
      const rest = motif.findIndex((next, later) => later > step && next !== undefined)
      const held = ((rest < 0 ? steps : rest) - step) * eighth
      const length = Math.max(0.06, held * Math.min(1, 0.65 + 0.35 * traits.sustain))
      return [{ start: at * bar + step * eighth, length, pitch: pitchOf(nearest), level: step % 2 === 0 ? 1 : 0.8 }]
    })
  })
}

function bassOf({ plan: { traits }, drawing, bar, roots, pitchOf }: Context): Note[] {
  const isPercussive = traits.percussion > 0.4
  const rhythm = isPercussive ? [0, 1, 2, 3, 4, 5, 6, 7] : drawing.pick([[0, 4], [0, 3, 4], [0]])
  const length = (bar / rhythm.length) * (isPercussive ? 0.7 : 0.9)
  return roots.flatMap((root, at) =>
    rhythm.map(step => {
      let pitch = pitchOf(root) - 12
      // As low as it is audible.
      while (hertzOf(pitch) > 110) pitch -= 12
      return { start: at * bar + (step * bar) / steps, length, pitch, level: 1 }
    }),
  )
}

function drumsOf({ plan: { traits }, drawing, bar, roots }: Context): Hit[] {
  const { percussion } = traits
  if (percussion < -0.35) return []
  const eighth = bar / steps
  const level = Math.min(1.3, 0.55 + 0.6 * percussion)
  const kicks =
    percussion > 0.6
      ? [0, 2, 4, 6]
      : drawing.pick([
          [0, 4],
          [0, 5],
          [0, 3, 4],
        ])
  const pattern: Hit[] = []
  for (const step of kicks) pattern.push({ drum: 'kick', start: step * eighth, level })
  if (percussion > -0.1)
    for (const step of [2, 6]) pattern.push({ drum: 'snare', start: step * eighth, level: 0.7 * level })
  const fine = percussion > 0.7 ? 2 : 1
  for (let step = 0; step < steps * fine; step++) {
    const drum = percussion > 0.1 ? 'hat' : 'shaker'
    pattern.push({ drum, start: (step * eighth) / fine, level: (step % 2 === 0 ? 0.45 : 0.3) * level })
  }
  return roots.flatMap((_, at) => pattern.map(({ drum, start, level }) => ({ drum, start: start + at * bar, level })))
}
