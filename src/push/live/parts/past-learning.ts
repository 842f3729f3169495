/** What the ledger's past teaches once a day: which articles are worth a push, and which titles are clicked. */
import { existsSync } from 'node:fs'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Pool } from '../../../parallel/pool.ts'
import type { Ensemble } from '../../boosting/ensemble.ts'
import type { PushArticle } from '../../data/article.ts'
import type { ArticleSurroundings } from '../../data/decision.ts'
import { AppealModel, type AppealOutcome } from '../../select/appeal-model.ts'
import type { TextVectors } from '../../text/vectors.ts'
import { TitlePrior, type TitleTest } from '../../title/text-prior.ts'
import type { PushLedgerThread } from '../ledger/ledger-proxy.ts'
import type { TitleOutcomes } from '../ledger/past-outcomes.ts'
import type { PushLog } from '../log.ts'
import type { ArticleTitles } from './article-titles.ts'
import { type ArticleValues, storedSurroundings } from './article-values.ts'
import type { LearnedFiles } from './learned-files.ts'

const day = 86_400_000
/** Articles, and tests of titles, from which on something is learned of them. */
const leastOutcomes = 50
/** Of the past, and articles at most. */
const [learnedFor, mostArticles] = [180 * day, 2000]
/** Articles whose texts are looked at before others have their turn. */
const articlesAtOnce = 10
/** Features that are logged. */
const mostNamed = 5

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

interface PastArticle {
  readonly titles: readonly TitleOutcomes[]
  /** When it was decided about. */
  readonly surroundings: ArticleSurroundings | undefined
}

export class PastLearning {
  readonly #parts: PastLearningParts
  /** Articles whose clicks are in: they change no more. */
  readonly #past = new Map<string, PastArticle>()

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
    const kept = new Set(ended)
    for (const id of this.#past.keys()) if (!kept.has(id)) this.#past.delete(id)
    for (const id of ended) {
      signal.throwIfAborted()
      if (!this.#past.has(id)) this.#past.set(id, await this.#pastOf(id))
    }
    if (ended.length < leastOutcomes) return
    const known = await ledger.call('articlesTaken', now - learnedFor, now)
    const articles = known.filter(({ id }) => (this.#past.get(id)?.titles.length ?? 0) > 0)
    if (articles.length < leastOutcomes) return
    await this.#learnAppeal(articles, signal)
    await this.#learnTitles(articles, signal)
  }

  async #pastOf(id: string): Promise<PastArticle> {
    const { ledger } = this.#parts
    const titles = await ledger.call('outcomesOf', id)
    // The newest is the one by which it was pushed.
    const decision = (await ledger.call('decisions', { article: id })).find(({ kind }) => kind === 'select')
    return { titles, surroundings: decision?.kind === 'select' ? storedSurroundings(decision.decision) : undefined }
  }

  async #learnAppeal(articles: readonly PushArticle[], signal: AbortSignal): Promise<void> {
    const { pool, files, values, log } = this.#parts
    const outcomes = await inTurns(articles, signal, (article): AppealOutcome => {
      const { titles, surroundings } = this.#past.get(article.id)!
      const sum = (of: (title: TitleOutcomes) => number) => titles.reduce((all, title) => all + of(title), 0)
      return {
        features: values.rowOf(article, surroundings),
        clicks: sum(({ clicks }) => clicks),
        expectedClicks: sum(title => title.expectedClicks),
      }
    })
    const model = await AppealModel.train(values.texts, outcomes, { pool, signal })
    await model.save(files.appeal)
    values.model = model
    const { mean, variance, trees } = model.parts
    log.info(
      { articles: articles.length, lift: Math.exp(mean), variance, trees: trees && importantOf(trees, values) },
      'pushes: learned which articles are worth it',
    )
  }

  async #learnTitles(articles: readonly PushArticle[], signal: AbortSignal): Promise<void> {
    const { pool, files, titles, vectors, log } = this.#parts
    const all = await inTurns(articles, signal, (article): TitleTest => {
      const of = this.#past.get(article.id)!.titles.map(({ title, sends, clicks }) => {
        return { title, template: titles.templateOf(article, title), effectiveSends: sends, clicks }
      })
      return { titles: of }
    })
    const tests = all.filter(({ titles }) => titles.length > 1)
    if (tests.length < leastOutcomes) return
    const prior = await TitlePrior.train(tests, { pool, vectors, signal })
    await prior.save(files.titles)
    titles.prior = prior
    log.info({ tests: tests.length, titles: prior.titles }, 'pushes: learned which titles are clicked')
  }
}

/** A few at a time, so that others have this thread in between. @throws the signal's reason when it is aborted. */
async function inTurns<Of, Result>(
  all: readonly Of[],
  signal: AbortSignal,
  work: (each: Of) => Result,
): Promise<Result[]> {
  const results: Result[] = []
  for (const each of all) {
    results.push(work(each))
    if (results.length % articlesAtOnce !== 0) continue
    await immediate()
    signal.throwIfAborted()
  }
  return results
}

/** The features by whose splits the trees gain most, with their shares. */
function importantOf({ importance }: Ensemble, { texts }: ArticleValues): Record<string, number> {
  const shares = new Map<string, number>()
  texts.names.forEach((name, at) => {
    shares.set(name, (shares.get(name) ?? 0) + importance[at]!)
  })
  const most = [...shares].sort(([, a], [, b]) => b - a).slice(0, mostNamed)
  return Object.fromEntries(most.filter(([, share]) => share > 0))
}
