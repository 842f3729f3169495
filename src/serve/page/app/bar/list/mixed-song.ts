/** A song of the list, and why it is in. */
export interface MixedSong {
  readonly item: string
  readonly title: string
  readonly artist: string | undefined
  /** Seconds. */
  readonly duration: number | undefined
  /** Whether there is a sound to play. */
  readonly hasSound: boolean
  /** From 0, low, to 1, high. */
  readonly energy: number | undefined
  /** That it has of the wanted ones, most first; amounts from 0 to 1. */
  readonly tags: readonly { readonly tag: string; readonly amount: number }[]
  /** A sentence. */
  readonly why: string
  /** How well it fits each ingredient: 0 as songs do in the mean, 1 as the best do. */
  readonly fits: readonly { readonly name: string; readonly match: number }[]
}

/** What the person made of a song. */
export interface PlayedSong {
  readonly song: MixedSong
  readonly outcome: 'accepted' | 'skipped'
}

/**
 * The list to come with the songs that the person has moved, or is playing, each at its place, whatever the server puts there. A
 * song whose place is behind the end comes last.
 */
export function withKept(
  songs: readonly MixedSong[],
  kept: ReadonlyMap<string, { readonly song: MixedSong; readonly place: number }>,
): MixedSong[] {
  const list = songs.filter(({ item }) => !kept.has(item))
  for (const { song, place } of [...kept.values()].sort((a, b) => a.place - b.place)) list.splice(place, 0, song)
  return list
}

/** `values` with the one at `from` at the place `to`. */
export function moved<Value>(values: readonly Value[], from: number, to: number): Value[] {
  const rest = values.filter((_, at) => at !== from)
  rest.splice(to, 0, values[from]!)
  return rest
}

/** As `3:05`. */
export function minutesOf(seconds: number): string {
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
