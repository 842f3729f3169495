/** What songs must not come together by. */
export interface Spaced {
  readonly artist: string | undefined
  readonly title: string | undefined
}

export interface SpacingRule {
  /** Places from a song of an artist to the next one of the same, at least. */
  readonly gap: number
  /** Songs of one artist at most. */
  readonly perArtist: number
}

/** Which songs may stand where in a list whose songs are `pool[order[place]]`, after those of `before`, which are given out already. */
export class Spacing {
  readonly #pool: readonly Spaced[]
  readonly #before: readonly Spaced[]
  readonly #rule: SpacingRule
  readonly #artists = new Map<string, number>()
  readonly #titles = new Set<string>()

  constructor(pool: readonly Spaced[], rule: SpacingRule, before: readonly Spaced[] = []) {
    this.#pool = pool
    this.#rule = rule
    this.#before = before.slice(-rule.gap)
    for (const { title } of before) if (title !== undefined) this.#titles.add(title)
  }

  /** The song is in the list from now on. */
  add(song: number): void {
    const { artist, title } = this.#pool[song]!
    if (artist !== undefined) this.#artists.set(artist, (this.#artists.get(artist) ?? 0) + 1)
    if (title !== undefined) this.#titles.add(title)
  }

  remove(song: number): void {
    const { artist, title } = this.#pool[song]!
    if (artist !== undefined) this.#artists.set(artist, this.#artists.get(artist)! - 1)
    if (title !== undefined) this.#titles.delete(title)
  }

  /** Whether the list may have the song, in place of `left` where that is given. */
  admits(song: number, left?: number): boolean {
    const { artist, title } = this.#pool[song]!
    const former = left === undefined ? undefined : this.#pool[left]!
    if (title !== undefined && this.#titles.has(title) && title !== former?.title) return false
    if (artist === undefined) return true
    const count = (this.#artists.get(artist) ?? 0) - (former?.artist === artist ? 1 : 0)
    return count < this.#rule.perArtist
  }

  /** Whether the song at `place` of `order` is far enough from others of its artist; places beyond its end are empty. */
  isSpaced(order: ArrayLike<number>, place: number): boolean {
    const { artist } = this.#pool[order[place]!]!
    if (artist === undefined) return true
    const { gap } = this.#rule
    for (
      let other = Math.max(-this.#before.length, place - gap + 1);
      other < Math.min(order.length, place + gap);
      other++
    ) {
      if (other !== place && this.#artistAt(order, other) === artist) return false
    }
    return true
  }

  #artistAt(order: ArrayLike<number>, place: number): string | undefined {
    return place < 0 ? this.#before.at(place)!.artist : this.#pool[order[place]!]!.artist
  }
}
