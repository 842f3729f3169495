import type { Effect } from './analysis.ts'
import { bandCount } from './depth-bands.ts'
import { type Arm, ArmTable, addArms, effectOf } from './effect.ts'
import { arms as armNames } from './followed.ts'
import type { Tally } from './tally.ts'

type SentArm = 'first' | 'later'

/** Users who were sent something and who were held out, by article and depth, and by segment and article. */
export class EffectTables {
  readonly #articles: number
  readonly #bands: number
  /** (articles × bands × arms) */
  readonly #byDepth: ArmTable
  /** (segments × articles × arms) */
  readonly #bySegment: ArmTable

  constructor({ followed, isRanked }: Tally, articles: number, segments: number) {
    this.#articles = articles
    // Without ranks of those held out all of an article are compared with all.
    this.#bands = isRanked ? bandCount : 1
    this.#byDepth = new ArmTable(articles * this.#bands * armNames.length)
    this.#bySegment = new ArmTable(segments * articles * armNames.length)
    for (let at = 0; at < followed.size; at++) {
      if (followed.isCounted[at] === 0) continue
      const [article, arm, visits] = [followed.articles[at]!, followed.arms[at]!, followed.visits[at]!]
      this.#byDepth.add(this.#depthCell(article, isRanked ? followed.bands[at]! : 0) + arm, visits)
      this.#bySegment.add((followed.segments[at]! * articles + article) * armNames.length + arm, visits)
    }
  }

  /** Of the sends of these rounds. */
  all(sent: readonly SentArm[]): Effect | undefined {
    return effectOf(this.#depthStrata(range(this.#articles), range(this.#bands), sent))
  }

  article(article: number): Effect | undefined {
    return effectOf(this.#depthStrata([article], range(this.#bands), ['first', 'later']))
  }

  /** Undefined where the ranks of those held out are not known. */
  band(band: number): Effect | undefined {
    if (this.#bands === 1) return undefined
    return effectOf(this.#depthStrata(range(this.#articles), [band], ['first', 'later']))
  }

  /** By article, in their order: neighbours are of about the same time. */
  segment(segment: number): Effect | undefined {
    const cells = Array.from(range(this.#articles), article => segment * this.#articles + article)
    return effectOf(cells.map(cell => this.#stratum(this.#bySegment, cell * armNames.length, ['first', 'later'])))
  }

  *#depthStrata(articles: Iterable<number>, bands: readonly number[], sent: readonly SentArm[]) {
    for (const article of articles) {
      for (const band of bands) yield this.#stratum(this.#byDepth, this.#depthCell(article, band), sent)
    }
  }

  #depthCell(article: number, band: number): number {
    return (article * this.#bands + band) * armNames.length
  }

  #stratum(table: ArmTable, cell: number, sent: readonly SentArm[]) {
    const arms: Arm[] = sent.map(name => table.arm(cell + armNames.indexOf(name)))
    return { sent: arms.reduce(addArms), held: table.arm(cell + armNames.indexOf('held')) }
  }
}

function range(size: number): number[] {
  return Array.from({ length: size }, (_, at) => at)
}
