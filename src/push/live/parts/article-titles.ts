import type { PushArticle } from '../../data/article.ts'
import { type TitleCandidates, type TitleRules, titleCandidates } from '../../title/candidates.ts'
import { parseTemplate, type Template } from '../../title/template.ts'
import { TitlePrior } from '../../title/text-prior.ts'

/** Titles that are tested of an article at most. */
const mostTitles = 8

const own = parseTemplate('{title}')

/** The titles of articles: their own and those of templates, where they pass the rules. */
export class ArticleTitles {
  /** What is known of titles by earlier tests. */
  prior = TitlePrior.none()
  readonly #templates: readonly Template[]
  readonly #rules: TitleRules
  readonly #onNone: (article: PushArticle, why: TitleCandidates['faults']) => void

  /** @param onNone called for an article of which no title passes the rules. */
  constructor(
    templates: readonly Template[],
    rules: TitleRules,
    onNone: (article: PushArticle, why: TitleCandidates['faults']) => void,
  ) {
    this.#templates = [own, ...templates]
    this.#rules = rules
    this.#onNone = onNone
  }

  get deviation(): number {
    return this.prior.deviation
  }

  /** The likeliest first, each with its CTR beside that of the others, by its text. */
  of(article: PushArticle): { readonly title: string; readonly factor: number }[] {
    const { titles, faults } = this.#candidates(article)
    if (titles.length === 0) this.#onNone(article, faults)
    const scores = this.prior.scores(titles)
    return titles
      .map(({ title }, at) => ({ title, factor: Math.exp(scores[at]!) }))
      .sort((a, b) => b.factor - a.factor)
      .slice(0, mostTitles)
  }

  /** The text of the template that makes this title of the article; undefined where none does. */
  templateOf(article: PushArticle, title: string): string | undefined {
    return this.#candidates(article).titles.find(candidate => candidate.title === title)?.template
  }

  #candidates({ title, body, category, values }: PushArticle): TitleCandidates {
    return titleCandidates(this.#templates, Object.assign({ category, body }, values, { title }), this.#rules)
  }
}
