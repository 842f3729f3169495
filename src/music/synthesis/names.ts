/** Names by rule: of artists, and of songs by their moods. */
import type { Drawing } from './drawing.ts'
import type { Mood } from './moods.ts'

// biome-ignore-start format: lists
const firstNames = [
  'Nora',
  'Tomasz',
  'Ines',
  'Marlow',
  'Yuna',
  'Anouk',
  'Idris',
  'Freja',
  'Mateo',
  'Sora',
  'Leila',
  'Piet',
  'Haneul',
  'Oskar',
  'Amara',
  'Rui',
]
const lastNames = [
  'Vale',
  'Reed',
  'Okafor',
  'Finch',
  'Lindqvist',
  'Han',
  'Castellan',
  'Brandt',
  'Moreau',
  'Sato',
  'Quill',
  'Arden',
  'Winther',
  'Baum',
  'Ito',
  'Faro',
]
const bands = [
  'Foxgloves',
  'Night Ferry',
  'Copper Street',
  'Paper Lanterns',
  'Slow Tide',
  'Glasshouse',
  'Northern Line',
  'Salt & Ember',
  'Second Moon',
  'Low Sun',
]
const openings: Readonly<Record<Mood, readonly string[]>> = {
  calm: ['Still', 'Quiet', 'Slow', 'Soft', 'Gentle', 'Resting'],
  happy: ['Golden', 'Bright', 'Sunny', 'Sweet', 'Laughing', 'Yellow'],
  sad: ['Lonely', 'Broken', 'Faded', 'Empty', 'Grey', 'Parting'],
  energetic: ['Electric', 'Burning', 'Running', 'Wild', 'Rising', 'Neon'],
  dark: ['Black', 'Hollow', 'Buried', 'Iron', 'Sunken', 'Cold'],
  dreamy: ['Floating', 'Distant', 'Silver', 'Velvet', 'Drifting', 'Pale'],
  rain: ['Rainy', 'Wet', 'Pouring', 'Drizzling', 'Clouded', 'Dripping'],
  night: ['Midnight', 'Moonlit', 'Sleepless', 'Late', 'Starry', 'Nocturnal'],
  focus: ['Steady', 'Circling', 'Patient', 'Measured', 'Even', 'Constant'],
  playful: ['Tiny', 'Skipping', 'Paper', 'Bouncing', 'Crooked', 'Wobbly'],
}
const subjects: Readonly<Record<Mood, readonly string[]>> = {
  calm: ['Lake', 'Garden', 'Harbour', 'Morning', 'Breath', 'Meadow'],
  happy: ['Summer', 'Avenue', 'Parade', 'Holiday', 'Window', 'Orchard'],
  sad: ['Letter', 'Farewell', 'Photograph', 'Autumn', 'Platform', 'Goodbye'],
  energetic: ['Machine', 'Highway', 'Signal', 'Engine', 'Sprint', 'Thunder'],
  dark: ['Cellar', 'Forest', 'Mine', 'Shadow', 'Tower', 'Undertow'],
  dreamy: ['Feather', 'Mirror', 'Cloud', 'Horizon', 'Satellite', 'Veil'],
  rain: ['Umbrella', 'Gutter', 'Puddles', 'Rooftop', 'Storm Drain', 'Raincoat'],
  night: ['Lantern', 'Last Train', 'City', 'Balcony', 'Radio', 'Motel'],
  focus: ['Loom', 'Clockwork', 'Notebook', 'Lattice', 'Pendulum', 'Pattern'],
  playful: ['Marbles', 'Carousel', 'Puppet', 'Kite', 'Hopscotch', 'Music Box'],
}
const endings = ['', '', '', '', '', ' at Dawn', ' for Two', ' Revisited', ', Part II', ' Waltz', ' (Live)', ' Song']
// biome-ignore-end format: lists

/** `count` names, no two alike. */
export function artistNames(count: number, drawing: Drawing): string[] {
  const names = new Set<string>()
  for (let tries = 0; names.size < count; tries++) {
    const name = drawing.chance(0.3)
      ? `The ${drawing.pick(bands)}`
      : `${drawing.pick(firstNames)} ${drawing.pick(lastNames)}`
    // Where there are more artists than names, the rest is numbered.
    if (!names.has(name)) names.add(name)
    else if (tries > 20 * count) names.add(`${name} ${names.size + 1}`)
  }
  return [...names]
}

/** A title that speaks of the song's moods, the strongest first; none of `taken`. */
export function titleOf(moods: readonly Mood[], taken: ReadonlySet<string>, drawing: Drawing): string {
  for (let tries = 0; ; tries++) {
    const [opening, subject] = drawing.chance(0.5) ? [moods[0]!, moods.at(-1)!] : [moods.at(-1)!, moods[0]!]
    const title = `${drawing.pick(openings[opening])} ${drawing.pick(subjects[subject])}${drawing.pick(endings)}`
    if (!taken.has(title)) return title
    if (tries >= 20 && !taken.has(`${title} ${taken.size}`)) return `${title} ${taken.size}`
  }
}
