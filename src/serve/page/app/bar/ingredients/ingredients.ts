/** A song that the mix is to be like. */
export interface ChosenSong {
  readonly title: string
  readonly weight: number
}

/** What the person has chosen. It is replaced as a whole by what changes it. */
export interface Ingredients {
  /** Weights above 0 by tag. */
  readonly tags: ReadonlyMap<string, number>
  /** By id. */
  readonly songs: ReadonlyMap<string, ChosenSong>
  /** Whose taste counts, and how much. */
  readonly taste: { readonly user: string; readonly weight: number } | undefined
  readonly avoidedTags: readonly string[]
  readonly avoidedArtists: readonly string[]
  /** Titles by id. */
  readonly avoidedSongs: ReadonlyMap<string, string>
  /** Energies from 0 to 1, spread evenly over the list. */
  readonly energy: readonly number[] | undefined
  /** Songs. */
  readonly length: number
  /** From 0 to 1; undefined: as the server has it. */
  readonly diversity: number | undefined
  readonly smoothness: number | undefined
}

export const noIngredients: Ingredients = {
  tags: new Map(),
  songs: new Map(),
  taste: undefined,
  avoidedTags: [],
  avoidedArtists: [],
  avoidedSongs: new Map(),
  energy: undefined,
  length: 20,
  diversity: undefined,
  smoothness: undefined,
}

/** Whether there is anything to mix. */
export function hasIngredients({ tags, songs, taste }: Ingredients): boolean {
  return tags.size > 0 || songs.size > 0 || taste !== undefined
}

/** `map` with another value for `key`; without the key where the value is undefined. */
export function withEntry<Value>(
  map: ReadonlyMap<string, Value>,
  key: string,
  value: Value | undefined,
): ReadonlyMap<string, Value> {
  const changed = new Map(map)
  if (value === undefined) changed.delete(key)
  else changed.set(key, value)
  return changed
}

/** `names` with `name`, or without it where it is in. */
export function toggled(names: readonly string[], name: string): readonly string[] {
  return names.includes(name) ? names.filter(each => each !== name) : [...names, name]
}

/** In words: `calm, rain and like Still Lake`. */
export function ingredientsInWords({ tags, songs, taste }: Ingredients): string {
  const strongest = [...tags].sort((a, b) => b[1] - a[1]).map(([tag]) => tag)
  const parts = [
    ...strongest,
    ...[...songs.values()].map(({ title }) => `like ${title}`),
    ...(taste ? [`the taste of ${taste.user}`] : []),
  ]
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}
