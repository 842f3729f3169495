import type { Effect } from './analysis.ts'
import { bandCount } from './depth-bands.ts'
import { EffectTable } from './effect-table.ts'
import type { Tally } from './tally.ts'

/** What pushes brought, of all, by article, by depth and by segment. Strata are of one article and depth as far as enough were held out. */
export class Effects {
  readonly #all: EffectTable
  readonly #articles: EffectTable
  readonly #bands: EffectTable | undefined
  readonly #segments: EffectTable

  constructor({ follow, isRanked }: Tally, articles: number, segments: number) {
    // Without ranks of those held out all of an article are compared with all.
    const bands = isRanked ? bandCount : 1
    const own = isRanked ? follow.bands : new Uint8Array(follow.size)
    const byArticle = cellsOf(follow.articles, own, bands)
    this.#all = new EffectTable(follow, { groups: 1, cells: articles * bands, cellOf: byArticle })
    this.#articles = new EffectTable(follow, { groups: articles, cells: bands, cellOf: byArticle })
    // Articles in the order in which they were pushed: neighbours are of about the same time.
    if (isRanked) {
      const cellOf = cellsOf(follow.bands, follow.articles, articles)
      this.#bands = new EffectTable(follow, { groups: bands, cells: articles, cellOf })
    }
    const cellOf = cellsOf(follow.segments, follow.articles, articles)
    this.#segments = new EffectTable(follow, { groups: segments, cells: articles, cellOf })
  }

  /** Of the sends of these rounds. */
  all(sent: readonly ('first' | 'later')[]): Effect | undefined {
    return this.#all.effect(0, sent)
  }

  article(article: number): Effect | undefined {
    return this.#articles.effect(article)
  }

  /** Undefined where the ranks of those held out are not known. */
  band(band: number): Effect | undefined {
    return this.#bands?.effect(band)
  }

  segment(segment: number): Effect | undefined {
    return this.#segments.effect(segment)
  }
}

/** (followed) Of each the number of its cell, of so many in a group. */
function cellsOf(groups: Uint8Array | Uint32Array, places: Uint8Array | Uint32Array, cells: number): Uint32Array {
  const numbers = new Uint32Array(groups.length)
  for (let at = 0; at < numbers.length; at++) numbers[at] = groups[at]! * cells + places[at]!
  return numbers
}
