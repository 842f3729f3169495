/**
 * What is known of the CTRs of an article's titles before they are tested: by how much each differs from the others, learned from
 * earlier tests by words, style and template, and how far that is wrong.
 *
 * ln CTR of a title = level of its article + score + residual. Scores are a ridge regression with a random intercept of each article
 * (`ridge.ts`), so that tests of a single title teach, too: in cross-validation on 768 Upworthy tests the better of two significantly
 * different headlines had the higher score in 69.6 % with them, 68.7 % by comparing within tests alone. The residual's σ² is what
 * held-out tests leave, beside the noise of clicks.
 */

import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Pool } from '../../parallel/pool.ts'
import { withDraft } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { openSafetensors, writeSafetensors } from '../../storage/safetensors.ts'
import { zeroOf } from '../statistics/line-search.ts'
import { LinearModel, type LinearRow } from '../text/linear-model.ts'
import { styleNames, styleOf } from '../text/style.ts'
import { directionOf, type TextVectors } from '../text/vectors.ts'
import { hashedWords, hashOf } from '../text/word-hashes.ts'

export interface TestedTitle {
  readonly title: string
  /** The text of the template that made it. */
  readonly template?: string | undefined
}

/** What came of a title's sends. */
export interface TitleClicks {
  /** Σ F(age): of sends whose clicks are all in, their number. */
  readonly effectiveSends: number
  readonly clicks: number
}

/** The titles of one article. */
export interface TitleTest {
  readonly titles: readonly (TestedTitle & TitleClicks)[]
}

export interface TrainTitlePrior {
  readonly pool: Pool
  /** Of words; without, words themselves and style are all that is known. */
  readonly vectors?: TextVectors | undefined
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Standard deviation of ln CTR between titles of an article where nothing is learned: that of the Upworthy tests. */
const usualDeviation = 0.275
/** Degrees of freedom that this counts as. */
const usualWeight = 10
/** Variance of ln CTR between articles, and of a title beside what words say, as the regression weighs rows. */
const [levelVariance, rowVariance] = [0.3, 0.1]
/** Vectors are so long, and templates count so much, beside a word's 1. */
const [vectorScale, templateValue] = [5, 4]

const format = 'aurochs-title-prior 1'

const description = z.strictObject({
  factors: z.int().min(0).max(1024),
  scale: z.number().min(0),
  variance: z.number().positive(),
  titles: z.int().min(0),
})

interface Parts {
  readonly linear: LinearModel
  readonly vectors: TextVectors | undefined
  /** What scores are multiplied by. */
  readonly scale: number
  /** σ² of the residual of ln CTR. */
  readonly variance: number
  /** That it was learned from. */
  readonly titles: number
}

export class TitlePrior {
  readonly variance: number
  readonly titles: number
  readonly #linear: LinearModel
  readonly #vectors: TextVectors | undefined
  readonly #scale: number

  private constructor({ linear, vectors, scale, variance, titles }: Parts) {
    this.#linear = linear
    this.#vectors = vectors
    this.#scale = scale
    this.variance = variance
    this.titles = titles
  }

  /** Standard deviation of ln CTR beside the scores. */
  get deviation(): number {
    return Math.sqrt(this.variance)
  }

  /** All titles alike. */
  static none(): TitlePrior {
    const linear = LinearModel.none(styleNames.length)
    return new TitlePrior({ linear, vectors: undefined, scale: 0, variance: usualDeviation ** 2, titles: 0 })
  }

  /** @throws the signal's reason when it is aborted. */
  static async train(tests: readonly TitleTest[], { pool, vectors, seed = 0, signal }: TrainTitlePrior) {
    const sent = tests
      .map(({ titles }) => titles.filter(({ effectiveSends }) => effectiveSends > 0))
      .filter(titles => titles.length > 0)
    const titles = sent.flat()
    if (titles.length === 0) return TitlePrior.none()
    const overall = ctrOf(titles, 0.01)
    const levels = sent.map(titles => ctrOf(titles, overall))
    const groups = Uint32Array.from(sent.flatMap((titles, test) => titles.map(() => test)))
    const targets = Float64Array.from(titles, ({ effectiveSends, clicks }, row) => {
      const level = levels[groups[row]!]!
      return Math.log((clicks + 1) / (effectiveSends + 1 / level) / overall)
    })
    const weights = Float64Array.from(titles, ({ effectiveSends }, row) => {
      return 1 / (1 / (effectiveSends * levels[groups[row]!]! + 1) + rowVariance)
    })
    const rows = titles.map(title => rowOf(title, vectors))
    const { model: linear, heldOut } = await LinearModel.fit(
      rows,
      { targets, weights, groups, groupVariance: levelVariance },
      { pool, scales: scalesOf(vectors), seed, signal },
    )
    const scale = scaleOf(sent, groups, { heldOut, targets, weights })
    const scores = heldOut.map(score => scale * score)
    return new TitlePrior({ linear, vectors, scale, variance: varianceOf(sent, scores), titles: titles.length })
  }

  /** (titles) By how much ln CTR of each is expected to be above the mean of these. */
  scores(titles: readonly TestedTitle[]): Float64Array {
    const scores = Float64Array.from(titles, title => this.#linear.score(rowOf(title, this.#vectors)))
    const mean = scores.reduce((sum, score) => sum + score, 0) / titles.length
    return scores.map(score => this.#scale * (score - mean))
  }

  /** Writes a file in place of one that is there. The word vectors are no part of it. */
  async save(path: string): Promise<void> {
    const about: z.input<typeof description> = {
      factors: this.#vectors?.factors ?? 0,
      scale: this.#scale,
      variance: this.variance,
      titles: this.titles,
    }
    await withDraft(path, async draft => {
      const file = join(draft, 'model')
      await writeSafetensors(file, this.#linear.tensors(), { format, about: JSON.stringify(about) })
      await rename(file, path)
    })
  }

  /**
   * @param vectors those that it was trained with.
   * @throws Error naming the file and what is wrong with it.
   */
  static open(path: string, { vectors }: { readonly vectors?: TextVectors | undefined } = {}): TitlePrior {
    const file = openSafetensors(path)
    try {
      const broken = (why: string) => new Error(`${path} is no whole title prior: ${why}: train it anew`)
      if (file.metadata.format !== format) throw broken(`its format must be ${format}, got ${file.metadata.format}`)
      const about: unknown = JSON.parse(file.metadata.about ?? 'null')
      const fault = faultIn(description, about)
      if (fault !== undefined) throw broken(fault)
      const { factors, ...rest } = description.parse(about)
      if ((vectors?.factors ?? 0) !== factors) {
        throw new Error(
          `${path} must be opened with word vectors of ${factors} factors, got ${vectors?.factors ?? 'none'}`,
        )
      }
      const linear = LinearModel.in(file, styleNames.length + factors, broken)
      return new TitlePrior({ linear, vectors, ...rest })
    } finally {
      file.close()
    }
  }
}

function rowOf({ title, template }: TestedTitle, vectors: TextVectors | undefined): LinearRow {
  const style = styleOf(title)
  const dense = new Float32Array(style.length + (vectors?.factors ?? 0))
  dense.set(style)
  if (vectors) dense.set(directionOf(vectors.textVector(title)), style.length)
  const hashes = hashedWords(title).map(({ hash }) => hash)
  const values = new Float32Array(hashes.length + 1).fill(1)
  values[hashes.length] = templateValue
  if (template !== undefined) hashes.push(templateHash(template))
  return { dense, hashes: Uint32Array.from(hashes), values }
}

function scalesOf(vectors: TextVectors | undefined): Float32Array {
  return new Float32Array(styleNames.length + (vectors?.factors ?? 0)).fill(vectorScale, styleNames.length)
}

function templateHash(template: string): number {
  return hashOf(`template\n${template}`)
}

/** With one click more, of sends at the CTR `usual`. */
function ctrOf(titles: readonly TitleClicks[], usual: number): number {
  let [clicks, sends] = [1, 1 / usual]
  for (const title of titles) {
    clicks += title.clicks
    sends += Math.max(title.effectiveSends, title.clicks)
  }
  return clicks / sends
}

/** The slope of targets on held-out scores within tests, drawn towards 0 by as much as one word in a hundred titles. */
function scaleOf(
  tests: readonly (readonly unknown[])[],
  groups: Uint32Array,
  rows: { readonly heldOut: Float64Array; readonly targets: Float64Array; readonly weights: Float64Array },
): number {
  const sums = tests.map(() => ({ weight: 0, score: 0, target: 0 }))
  groups.forEach((group, row) => {
    const weight = rows.weights[row]!
    sums[group]!.weight += weight
    sums[group]!.score += weight * rows.heldOut[row]!
    sums[group]!.target += weight * rows.targets[row]!
  })
  let [product, squares] = [0, 1]
  groups.forEach((group, row) => {
    const { weight, score, target } = sums[group]!
    const deviation = rows.heldOut[row]! - score / weight
    product += rows.weights[row]! * deviation * (rows.targets[row]! - target / weight)
    squares += rows.weights[row]! * deviation ** 2
  })
  return Math.min(Math.max(product / squares, 0), 1.5)
}

/**
 * σ² with which the squared errors of clicks, (k − μ)² / (μ + σ² μ²), are as many as their degrees of freedom (Paule & Mandel 1982), with
 * the usual one as so many more.
 */
function varianceOf(tests: readonly (readonly TitleClicks[])[], scores: Float64Array): number {
  let row = 0
  const compared: { readonly clicks: number; readonly expected: number }[] = []
  let degrees = usualWeight
  for (const titles of tests) {
    const exposures = titles.map(({ effectiveSends }) => effectiveSends * Math.exp(scores[row++]!))
    const total = exposures.reduce((sum, exposure) => sum + exposure, 0)
    const clicks = titles.reduce((sum, title) => sum + title.clicks, 0)
    if (titles.length < 2 || clicks === 0) continue
    degrees += titles.length - 1
    titles.forEach((title, at) => {
      compared.push({ clicks: title.clicks, expected: (clicks * exposures[at]!) / total })
    })
  }
  const excess = (log: number) => {
    const variance = Math.exp(log)
    const errors = compared.reduce(
      (sum, { clicks, expected }) => sum + (clicks - expected) ** 2 / (expected + variance * expected ** 2),
      (usualWeight * usualDeviation ** 2) / variance,
    )
    return degrees - errors
  }
  return Math.exp(zeroOf(excess, Math.log(1e-3), Math.log(4)))
}
