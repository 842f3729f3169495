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

/** What of no other song is the same. */
const own = -1

/**
 * Which songs may stand where in a list whose songs are `pool[order[place]]`, after those of `before`, which are given out already. Artists and titles are
 * numbered: they are compared thousands of times a list.
 */
export class Spacing {
  readonly #rule: SpacingRule
  /** Of the pool, and of the songs before that are near enough, the last one first. */
  readonly #artistOf: Int32Array
  readonly #artistsBefore: Int32Array
  readonly #titleOf: Int32Array
  /** By artist: songs of the list. */
  readonly #counts: Int32Array
  /** By title: whether it is taken. */
  readonly #taken: Uint8Array

  constructor(pool: readonly Spaced[], rule: SpacingRule, before: readonly Spaced[] = []) {
    this.#rule = rule
    const [artists, titles] = [new Map<string, number>(), new Map<string, number>()]
    const near = before.slice(-rule.gap).reverse()
    this.#artistOf = Int32Array.from(pool, ({ artist }) => numberOf(artist, artists))
    this.#artistsBefore = Int32Array.from(near, ({ artist }) => numberOf(artist, artists))
    this.#titleOf = Int32Array.from(pool, ({ title }) => numberOf(title, titles))
    const given = before.map(({ title }) => numberOf(title, titles))
    this.#counts = new Int32Array(artists.size)
    this.#taken = new Uint8Array(titles.size)
    for (const title of given) if (title !== own) this.#taken[title] = 1
  }

  /** The song is in the list from now on. */
  add(song: number): void {
    this.#note(song, 1)
  }

  remove(song: number): void {
    this.#note(song, -1)
  }

  /** Whether the list may have the song, in place of `left` where that is given. */
  admits(song: number, left?: number): boolean {
    const [artist, title] = [this.#artistOf[song]!, this.#titleOf[song]!]
    if (title !== own && this.#taken[title] === 1 && (left === undefined || this.#titleOf[left] !== title)) return false
    if (artist === own) return true
    const isSame = left !== undefined && this.#artistOf[left] === artist
    return this.#counts[artist]! - (isSame ? 1 : 0) < this.#rule.perArtist
  }

  /** Whether the song at `place` of `order` is far enough from others of its artist; places beyond its end are empty. */
  isSpaced(order: ArrayLike<number>, place: number): boolean {
    const artist = this.#artistOf[order[place]!]!
    if (artist === own) return true
    const { gap } = this.#rule
    const first = Math.max(-this.#artistsBefore.length, place - gap + 1)
    const end = Math.min(order.length, place + gap)
    for (let other = first; other < end; other++) {
      const others = other < 0 ? this.#artistsBefore[-1 - other] : this.#artistOf[order[other]!]
      if (other !== place && others === artist) return false
    }
    return true
  }

  #note(song: number, sign: 1 | -1): void {
    const [artist, title] = [this.#artistOf[song]!, this.#titleOf[song]!]
    if (artist !== own) this.#counts[artist]! += sign
    if (title !== own) this.#taken[title] = sign === 1 ? 1 : 0
  }
}

function numberOf(name: string | undefined, numbers: Map<string, number>): number {
  if (name === undefined) return own
  const known = numbers.get(name)
  if (known !== undefined) return known
  numbers.set(name, numbers.size)
  return numbers.size - 1
}
