/**
 * What songs are drawn by: each trait of a sound is about 0, and each mood of a song moves some of them. −1 and 1 are far
 * below and far above what is usual; tremolo and textures (rain, wind, crackle) are inaudible at 0.
 */
export const traits = [
  'tempo',
  'loudness',
  'brightness',
  'percussion',
  'minor',
  'register',
  'movement',
  'sustain',
  'bass',
  'reverb',
  'repetition',
  'chorus',
  'tremolo',
  'rain',
  'wind',
  'crackle',
] as const

export type Trait = (typeof traits)[number]
export type Traits = Readonly<Record<Trait, number>>

/** How far each mood moves the traits of a song that has it wholly. */
const effects = {
  calm: { tempo: -0.8, loudness: -0.6, percussion: -1, sustain: 0.7, brightness: -0.4, movement: -0.6 },
  happy: { minor: -1, tempo: 0.5, brightness: 0.5, register: 0.4, movement: 0.4, percussion: 0.3, sustain: -0.3 },
  sad: { minor: 1, tempo: -0.6, brightness: -0.2, movement: -0.4, percussion: -0.8, sustain: 0.4, tremolo: 1 },
  energetic: { tempo: 1, loudness: 0.9, percussion: 1, bass: 0.6, movement: 0.5, brightness: 0.5, sustain: -0.5 },
  dark: { minor: 0.7, register: -1, brightness: -0.8, bass: 0.9, reverb: 0.3, movement: -0.3, wind: 0.5 },
  dreamy: { reverb: 1, chorus: 1, sustain: 0.8, register: 0.5, percussion: -0.5, tempo: -0.2 },
  rain: { rain: 1, reverb: 0.2, loudness: -0.1 },
  night: { crackle: 1, tempo: -0.3, brightness: -0.5, bass: 0.4, percussion: 0.1, reverb: 0.2 },
  focus: { repetition: 1, movement: 0.5, sustain: -0.4, percussion: -0.3, chorus: -0.4 },
  playful: { sustain: -1, register: 0.8, movement: 0.3, minor: -0.5, tempo: 0.3, bass: -0.5, reverb: -0.5 },
} as const satisfies Readonly<Record<string, Partial<Traits>>>

export type Mood = keyof typeof effects
export const moods = Object.keys(effects) as readonly Mood[]

/** Of how much of each mood a song has, above 0 up to 1. */
export type MoodWeights = ReadonlyMap<Mood, number>

/** No song has both of a pair. */
const opposites: readonly (readonly [Mood, Mood])[] = [
  ['calm', 'energetic'],
  ['happy', 'sad'],
  ['happy', 'dark'],
  ['sad', 'energetic'],
  ['sad', 'playful'],
  ['dark', 'playful'],
  ['dreamy', 'focus'],
  ['dreamy', 'energetic'],
]

export function goTogether(a: Mood, b: Mood): boolean {
  return a !== b && !opposites.some(([one, other]) => (a === one && b === other) || (a === other && b === one))
}

/** The traits of songs with these moods, before what artist and chance add. */
export function traitsOf(weights: MoodWeights): Record<Trait, number> {
  const sums = Object.fromEntries(traits.map(trait => [trait, 0])) as Record<Trait, number>
  for (const [mood, weight] of weights) {
    for (const [trait, by] of Object.entries(effects[mood])) sums[trait as Trait] += weight * by
  }
  return sums
}

/** The energy of a sound with these traits, from 0 to 1. */
export function energyOf({ tempo, loudness, percussion, movement }: Traits): number {
  const mean = 0.3 * tempo + 0.3 * loudness + 0.25 * percussion + 0.15 * movement
  return Math.min(1, Math.max(0, 0.5 + 0.5 * mean))
}
