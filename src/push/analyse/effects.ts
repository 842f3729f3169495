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
    const bandAt = (at: number) => (isRanked ? follow.bands[at]! : 0)
    const byArticle = (at: number) => follow.articles[at]! * bands + bandAt(at)
    this.#all = new EffectTable(follow, { groups: 1, cells: articles * bands, cellOf: byArticle })
    this.#articles = new EffectTable(follow, { groups: articles, cells: bands, cellOf: byArticle })
    // Articles in the order in which they were pushed: neighbours are of about the same time.
    if (isRanked) {
      const cellOf = (at: number) => follow.bands[at]! * articles + follow.articles[at]!
      this.#bands = new EffectTable(follow, { groups: bands, cells: articles, cellOf })
    }
    const cellOf = (at: number) => follow.segments[at]! * articles + follow.articles[at]!
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
