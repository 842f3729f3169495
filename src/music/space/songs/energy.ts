import type { EnergyFeatures } from '../../audio/energy-features.ts'

/**
 * The energies of songs, from 0 to 1: the mean of the places (0 the least, 1 the most) that a song has in its collection by loudness, by flux and by
 * brightness, again as places. So energies are spread evenly whatever the collection, and say nothing across collections. NaN where a
 * song was not analysed; 0.5 of a single one.
 */
export function energies(songs: readonly (EnergyFeatures | undefined)[]): Float32Array {
  const measures = (['loudness', 'flux', 'brightness'] as const).map(name =>
    places(songs.map(song => song?.[name] ?? Number.NaN)),
  )
  return Float32Array.from(places(songs.map((_, song) => measures.reduce((sum, places) => sum + places[song]!, 0))))
}

/** The place of each value among all, from 0 to 1; that of equal ones is the mean of theirs. NaN stays. */
export function places(values: readonly number[]): number[] {
  const order = [...values.keys()].filter(at => !Number.isNaN(values[at]!)).sort((a, b) => values[a]! - values[b]!)
  const found = values.map(() => Number.NaN)
  for (let begin = 0; begin < order.length; ) {
    let end = begin
    while (end < order.length && values[order[end]!] === values[order[begin]!]) end++
    const place = order.length > 1 ? (begin + end - 1) / 2 / (order.length - 1) : 0.5
    for (; begin < end; begin++) found[order[begin]!] = place
  }
  return found
}
