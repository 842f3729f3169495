/** What the catalogue says of the items of the sample (ingest/sample.ts): made-up songs, the same each time. */
import type { ItemInput } from './item.ts'

const openings = [
  ...['Silver', 'Paper', 'Midnight', 'Golden', 'Broken', 'Distant', 'Velvet', 'Electric', 'Hollow', 'Quiet', 'Crimson', 'Winter'],
  ...['Lonely', 'Burning', 'Northern', 'Salt', 'Glass', 'Wild', 'Slow', 'Amber', 'Restless', 'Endless', 'Second', 'Borrowed'],
] // biome-ignore format: a list
const subjects = [
  ...['Harbour', 'Lantern', 'River', 'Avenue', 'Garden', 'Mirror', 'Signal', 'Summer', 'Station', 'Orchard', 'Letter', 'Shadow'],
  ...['Horizon', 'Machine', 'Feather', 'Carousel', 'Island', 'Window', 'Thunder', 'Compass', 'Parade', 'Ember', 'Bridge', 'Satellite'],
] // biome-ignore format: a list
const endings = [
  '',
  '',
  '',
  '',
  ' Blues',
  ' Waltz',
  ' at Dawn',
  ' for Two',
  ' (Live)',
  ' Revisited',
  ' Tonight',
  ', Part II',
]
const bands = [
  'The Foxgloves',
  'Marlow & Finch',
  'Nora Vale',
  'Copper Street',
  'Ines Okafor',
  'The Night Ferry',
  'Tomasz Reed',
]
const moods = ['calm', 'bright', 'dark', 'tender', 'wild', 'dreamy']
const tempos = ['slow', 'medium', 'fast']
const decades = ['1960s', '1970s', '1980s', '1990s', '2000s', '2010s', '2020s']

/** Genres by family; those that are in none are `world`. */
const families: Readonly<Record<string, readonly string[]>> = {
  electronic: ['ambient', 'disco', 'dub', 'electro', 'house', 'techno', 'trance'],
  rock: ['grunge', 'indie', 'metal', 'pop', 'punk', 'rock', 'ska'],
  roots: ['blues', 'country', 'folk', 'funk', 'gospel', 'hiphop', 'jazz', 'reggae', 'soul', 'swing'],
  classical: ['classical', 'opera'],
}

/** An item of the sample by its id, as `jazz-12`. */
export function sampleItemOf(id: string): ItemInput {
  const [genre = id] = id.split('-')
  const pick = picks(id)
  const family = Object.keys(families).find(name => families[name]!.includes(genre)) ?? 'world'
  const title = `${pick(openings)} ${pick(subjects)}${pick(endings)} – ${pick(bands)}`
  return { id, title, tags: [genre, pick(moods), pick(tempos), pick(decades)], categories: [family] }
}

/** Picks from lists by a hash of `text` (FNV-1a), which goes on with each. */
function picks(text: string): <Value>(list: readonly Value[]) => Value {
  let hash = 0x811c9dc5
  const mix = (code: number) => {
    hash = Math.imul(hash ^ code, 0x01000193) >>> 0
  }
  for (let at = 0; at < text.length; at++) mix(text.charCodeAt(at))
  return list => {
    mix(list.length)
    // The lower bits of this hash are the worse ones.
    return list[(hash >>> 8) % list.length]!
  }
}
