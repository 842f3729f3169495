import type { SongSpace } from '../space/song-space.ts'

/** Songs by words of title, artist and id. */
export class SongSearch {
  readonly #space: SongSpace
  /** Those that most listen to first. */
  readonly #songs: Uint32Array
  /** A line of each of them, made when it is first asked for: every line begins with a space. */
  #text: string | undefined
  /** Where each line begins. */
  readonly #begins: Uint32Array

  constructor(space: SongSpace) {
    this.#space = space
    const { listeners, songs } = space
    this.#songs = Uint32Array.from({ length: songs.size }, (_, song) => song)
    this.#songs.sort((a, b) => listeners[b]! - listeners[a]! || a - b)
    this.#begins = new Uint32Array(songs.size)
  }

  /** Up to `limit` songs that have all words of `text`, each as the beginning of one of theirs, and the tag where one is given. */
  find(text: string, limit: number, tag?: number): number[] {
    const words = lineOf(text).trim().split(/\s+/).filter(Boolean)
    const found: number[] = []
    for (const place of words.length === 0 ? this.#songs.keys() : this.#placesOf(words)) {
      if (found.length >= limit) break
      const song = this.#songs[place]!
      if (tag === undefined || hasTag(this.#space, song, tag)) found.push(song)
    }
    return found
  }

  *#placesOf(words: readonly string[]): Generator<number> {
    this.#text ??= this.#lines()
    const [longest, ...others] = [...words].sort((a, b) => b.length - a.length).map(word => ` ${word}`)
    let at = this.#text.indexOf(longest!)
    while (at >= 0) {
      const place = lastUpTo(this.#begins, at)
      const end = this.#begins[place + 1] ?? this.#text.length
      const line = this.#text.slice(this.#begins[place]!, end)
      if (others.every(word => line.includes(word))) yield place
      at = this.#text.indexOf(longest!, end)
    }
  }

  #lines(): string {
    const lines: string[] = []
    let length = 0
    this.#songs.forEach((song, place) => {
      const { title = '', artist = '' } = this.#space.detailsOf(song)
      const line = ` ${lineOf(`${title} ${artist}`)} ${String(this.#space.songs.at(song)).toLowerCase()}\n`
      this.#begins[place] = length
      length += line.length
      lines.push(line)
    })
    return lines.join('')
  }
}

/** Words in small letters without accents, with one space between. */
function lineOf(text: string): string {
  const bare = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  return bare.replace(/[^\p{L}\p{N}]+/gu, ' ')
}

function lastUpTo(begins: Uint32Array, at: number): number {
  let [low, high] = [0, begins.length]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (begins[middle]! <= at) low = middle
    else high = middle
  }
  return low
}

function hasTag({ songTags: { indptr, indices } }: SongSpace, song: number, tag: number): boolean {
  return indices.subarray(Number(indptr[song]), Number(indptr[song + 1])).includes(tag)
}
