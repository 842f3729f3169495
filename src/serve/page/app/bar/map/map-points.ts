/** Songs on the map, column by column. */
export interface MapPoints {
  readonly items: readonly string[]
  /** From −1 to 1. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Place in `tags` of the one that a song has most of; −1 where it has none. */
  readonly tag: readonly number[]
  readonly tags: readonly string[]
  readonly titles: readonly string[]
  /** Whether a song has no listeners: it lies where its sound and its tags are. */
  readonly isNew: readonly boolean[]
}

/** The directions of arrow keys, y upwards. */
const directions: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
}

/** The nearest of the songs that `isShown` to `from` in the direction of an arrow key; undefined where none is. */
export function nearestTowards(
  { x, y }: MapPoints,
  from: number,
  key: string,
  isShown: (song: number) => boolean,
): number | undefined {
  const direction = directions[key]
  if (!direction) return undefined
  let [nearest, least] = [undefined as number | undefined, Number.POSITIVE_INFINITY]
  for (let song = 0; song < x.length; song++) {
    const [byX, byY] = [x[song]! - x[from]!, y[song]! - y[from]!]
    const along = byX * direction[0] + byY * direction[1]
    const across = Math.abs(byX * direction[1]) + Math.abs(byY * direction[0])
    // What lies rather aside is reached by another key.
    if (along <= 1e-6 || across > 1.5 * along || !isShown(song)) continue
    const distance = along + 2 * across
    if (distance < least) [nearest, least] = [song, distance]
  }
  return nearest
}

/** The places of those of `wanted` that are on the map. */
export function placesOf(places: ReadonlyMap<string, number>, wanted: readonly string[]): number[] {
  return wanted.flatMap(item => places.get(item) ?? [])
}
