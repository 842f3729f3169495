/** What the ledger's past teaches once a day: which articles are worth a push, and which titles are clicked. */
import { existsSync } from 'node:fs'
import type { Pool } from '../../../parallel/pool.ts'
import type { PushArticle } from '../../loop/article.ts'
import { AppealModel, type AppealOutcome } from '../../select/appeal-model.ts'
import { RecentArticles } from '../../select/recent-articles.ts'
import type { TextVectors } from '../../text/vectors.ts'
import { TitlePrior, type TitleTest } from '../../title/text-prior.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { TitleOutcomes } from '../ledger/past-outcomes.ts'
import type { PushLog } from '../log.ts'
import type { ArticleTitles } from './article-titles.ts'
import type { ArticleValues } from './article-values.ts'
import type { LearnedFiles } from './learned-files.ts'

const day = 86_400_000
/** Articles, and tests of titles, from which on something is learned of them. */
const leastOutcomes = 50
/** Of the past, and articles at most. */
const [learnedFor, mostArticles] = [180 * day, 2000]

export interface PastLearningParts {
  readonly ledger: PushLedgerThread
  readonly pool: Pool
  readonly files: LearnedFiles
  readonly log: PushLog
  readonly values: ArticleValues
  readonly titles: ArticleTitles
  readonly vectors: TextVectors | undefined
  /** In ms: after so long all clicks have come. */
  readonly settle: number
}

export class PastLearning {
  readonly #parts: PastLearningParts
  /** Of articles whose clicks are in: they change no more. */
  readonly #outcomes = new Map<string, readonly TitleOutcomes[]>()

  constructor(parts: PastLearningParts) {
    this.#parts = parts
  }

  /** Goes on with the models that were kept. A model of other features or vectors is trained anew when its day comes. */
  open(): void {
    const { files, values, titles, vectors, log } = this.#parts
    const opened = (file: string, open: () => void) => {
      if (!existsSync(file)) return
      try {
        open()
      } catch (error) {
        log.warn({ err: error }, 'pushes: a model is learned anew')
      }
    }
    opened(files.appeal, () => {
      values.model = AppealModel.open(files.appeal, values.texts)
    })
    opened(files.titles, () => {
      titles.prior = TitlePrior.open(files.titles, { vectors })
    })
  }

  /** Trains both anew of all that is known, where that is enough. @throws the signal's reason when it is aborted. */
  async learn(now: number, signal: AbortSignal): Promise<void> {
    const { ledger, settle } = this.#parts
    const ended = await ledger.call('endedCampaigns', now - learnedFor, now - settle, mostArticles)
    for (const id of this.#outcomes.keys()) if (!ended.includes(id)) this.#outcomes.delete(id)
    for (const id of ended) {
      signal.throwIfAborted()
      if (!this.#outcomes.has(id)) this.#outcomes.set(id, await ledger.call('outcomesOf', id))
    }
    if (ended.length < leastOutcomes) return
    const known = await ledger.call('articlesTaken', now - learnedFor, now)
    const articles = known.filter(({ id }) => (this.#outcomes.get(id)?.length ?? 0) > 0)
    if (articles.length < leastOutcomes) return
    await this.#learnAppeal(articles, signal)
    await this.#learnTitles(articles, signal)
  }

  async #learnAppeal(articles: readonly PushArticle[], signal: AbortSignal): Promise<void> {
    const { pool, files, values, log } = this.#parts
    const recent = new RecentArticles()
    const outcomes = articles.map((article): AppealOutcome => {
      const { id, createdAt } = article
      const features = values.texts.of(article, { now: createdAt, recent: recent.before(createdAt, id) })
      recent.set({ id, createdAt, direction: values.texts.directionOf(article) })
      recent.prune(createdAt)
      const titles = this.#outcomes.get(id)!
      const sum = (of: (title: TitleOutcomes) => number) => titles.reduce((all, title) => all + of(title), 0)
      return { features, clicks: sum(({ clicks }) => clicks), expectedClicks: sum(title => title.expectedClicks) }
    })
    const model = await AppealModel.train(values.texts, outcomes, { pool, signal })
    await model.save(files.appeal)
    values.model = model
    const { mean, variance } = model.parts
    log.info(
      { articles: articles.length, lift: Math.exp(mean), variance },
      'pushes: learned which articles are worth it',
    )
  }

  async #learnTitles(articles: readonly PushArticle[], signal: AbortSignal): Promise<void> {
    const { pool, files, titles, vectors, log } = this.#parts
    const tests = articles
      .map((article): TitleTest => {
        const of = this.#outcomes.get(article.id)!.map(({ title, sends, clicks }) => {
          return { title, template: titles.templateOf(article, title), effectiveSends: sends, clicks }
        })
        return { titles: of }
      })
      .filter(({ titles }) => titles.length > 1)
    if (tests.length < leastOutcomes) return
    const prior = await TitlePrior.train(tests, { pool, vectors, signal })
    await prior.save(files.titles)
    titles.prior = prior
    log.info({ tests: tests.length, titles: prior.titles }, 'pushes: learned which titles are clicked')
  }
}
