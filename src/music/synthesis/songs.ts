/** Made-up songs whose moods are known, for demonstrations and tests: drawn, not yet rendered. */
import { assertWholeNumber } from '../../storage/whole-number.ts'
import { Drawing } from './drawing.ts'
import {
  energyOf,
  goTogether,
  type Mood,
  type MoodWeights,
  moods,
  type Trait,
  type Traits,
  traits,
  traitsOf,
} from './moods.ts'
import { artistNames, titleOf } from './names.ts'
import { type Instrument, instruments } from './sound/instruments.ts'

/** How the songs of an artist are alike, whatever their moods. */
export interface Artist {
  readonly name: string
  /** Added to the traits of each song. */
  readonly style: Traits
  readonly lead: Instrument
  readonly chords: Instrument
  /** How likely a song has each mood for its main one; by place in {@link moods}. */
  readonly leanings: readonly number[]
}

/** What a song's sound is made of, and what is true of it. */
export interface SongPlan {
  /** `song-001` and so on. */
  readonly id: string
  readonly title: string
  readonly artist: string
  /** By weight, the main mood, of weight 1, first. */
  readonly moods: MoodWeights
  readonly traits: Traits
  /** From 0, low, to 1, high, by its traits. */
  readonly energy: number
  readonly lead: Instrument
  readonly chords: Instrument
  /** Semitones from C. */
  readonly key: number
  readonly seconds: number
  readonly seed: number
}

export interface SongOptions {
  /** Songs, from 1 to 100,000. Default: 300. */
  readonly songs?: number
  /** Default: one for each seven songs. */
  readonly artists?: number
  /** Length of a song at least and at most, in seconds. Default: 12 and 16. */
  readonly seconds?: readonly [number, number]
  /** Default: 1. The same seed gives the same songs. */
  readonly seed?: number
}

/** How many moods a song has, by likelihood: one, two, three. */
const moodCounts = [0.3, 0.5, 0.2]
/** Deviations of what an artist, and what chance, adds to a trait. */
const [ofArtist, ofSong] = [0.16, 0.12]

/** Draws songs. @throws RangeError naming the option. */
export function drawSongs({ songs = 300, artists, seconds = [12, 16], seed = 1 }: SongOptions = {}): SongPlan[] {
  assertWholeNumber('songs', songs, 1, 100_000)
  const [shortest, longest] = seconds
  if (!(shortest >= 1 && longest >= shortest && longest <= 600)) {
    throw new RangeError(`seconds must be from 1 to 600, the least first, got ${shortest} and ${longest}`)
  }
  const drawing = new Drawing(seed)
  const all = drawArtists(artists ?? Math.max(2, Math.ceil(songs / 7)), drawing)
  const titles = new Set<string>()
  const digits = Math.max(3, String(songs).length)
  return Array.from({ length: songs }, (_, at) => {
    const artist = drawing.pick(all)
    const weights = drawMoods(artist, drawing)
    const drawn = drawTraits(weights, artist, drawing)
    const title = titleOf([...weights.keys()], titles, drawing)
    titles.add(title)
    return {
      id: `song-${String(at + 1).padStart(digits, '0')}`,
      title,
      artist: artist.name,
      moods: weights,
      traits: drawn,
      energy: energyOf(drawn),
      lead: drawing.chance(0.7) ? artist.lead : drawing.pick(instruments),
      chords: artist.chords,
      key: drawing.below(12),
      seconds: drawing.between(shortest, longest),
      seed: drawing.seed(),
    }
  })
}

function drawArtists(count: number, drawing: Drawing): Artist[] {
  assertWholeNumber('artists', count, 1, 100_000)
  return artistNames(count, drawing).map(name => ({
    name,
    style: Object.fromEntries(traits.map(trait => [trait, ofArtist * drawing.normal()])) as Traits,
    lead: drawing.pick(instruments),
    chords: drawing.pick(instruments),
    leanings: moods.map(() => Math.exp(1.2 * drawing.normal())),
  }))
}

function drawMoods({ leanings }: Artist, drawing: Drawing): MoodWeights {
  const count = 1 + drawing.weighted(moodCounts)
  const main = moods[drawing.weighted(leanings)]!
  const drawn = new Map<Mood, number>([[main, 1]])
  while (drawn.size < count) {
    const next = drawing.pick(moods)
    if ([...drawn.keys()].every(mood => goTogether(mood, next))) drawn.set(next, drawing.between(0.7, 1))
  }
  return new Map([...drawn].sort(([, a], [, b]) => b - a))
}

/** Traits that are inaudible at 0. */
const extras: readonly Trait[] = ['tremolo', 'rain', 'wind', 'crackle']

function drawTraits(weights: MoodWeights, { style }: Artist, drawing: Drawing): Traits {
  const drawn = traitsOf(weights)
  for (const trait of traits) {
    const isExtra = extras.includes(trait)
    // Chance adds none where no mood has it, and takes it from none that has it.
    const [by, isHad] = [style[trait] + ofSong * drawing.normal(), drawn[trait] > 0]
    if (!isExtra || isHad) drawn[trait] += by
    drawn[trait] = Math.min(1.2, Math.max(!isExtra ? -1.2 : isHad ? 0.2 : 0, drawn[trait]))
  }
  return drawn
}
