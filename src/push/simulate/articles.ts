import { drawNormal } from '../statistics/distributions.ts'
import type { Uniform } from './draws.ts'
import type { WorldParameters } from './parameters.ts'
import { minutesInDay, minutesInHour } from './visits.ts'

/** What can be known of an article. */
export interface SimulatedArticle {
  readonly id: number
  /** Minutes since the beginning. */
  readonly createdAt: number
  readonly topic: number
  /** What its text says, as numbers: a weighted sum of them tells some of its appeal. */
  readonly text: Float32Array
}

/** What is true of an article, and hidden from whoever pushes it. */
export interface ArticleTruth {
  /** How often it is read in its first hour and afterwards, beside others. */
  readonly early: number
  readonly later: number
  /** What the click rate is multiplied by, and for each title. */
  readonly appeal: number
  readonly titles: Float64Array
}

export const textFeatures = 16

/** The articles of all days, in order of their times. */
export function drawArticles(
  parameters: WorldParameters,
  random: Uniform,
): { readonly articles: SimulatedArticle[]; readonly truths: ArticleTruth[] } {
  const { days, articles: perDay, topics, hours } = parameters
  const meaning = direction(random)
  const created: number[] = []
  for (let day = 0; day < days; day++) {
    hours.forEach((share, hour) => {
      // Whole ones, and one more as often as the rest says.
      const count = Math.floor(perDay * share + random())
      for (let at = 0; at < count; at++) {
        created.push(day * minutesInDay + hour * minutesInHour + Math.floor(minutesInHour * random()))
      }
    })
  }
  const articles: SimulatedArticle[] = []
  const truths: ArticleTruth[] = []
  for (const [id, createdAt] of created.sort((a, b) => a - b).entries()) {
    const text = Float32Array.from({ length: textFeatures }, () => drawNormal(random))
    articles.push({ id, createdAt, topic: Math.floor(topics * random()), text })
    truths.push(drawTruth(parameters, dot(text, meaning), random))
  }
  return { articles, truths }
}

/** @param told of the standard normal distribution: what the text tells of the appeal. */
function drawTruth(parameters: WorldParameters, told: number, random: Uniform): ArticleTruth {
  const { logSpreadOfReads, correlationOfReads, correlationOfAppeal, textShare, logSpreadOfArticles } = parameters
  const { everyoneShare, everyoneFactor, logSpreadOfTitles, titles } = parameters
  const read = drawNormal(random)
  const readLater = correlated(read, correlationOfReads, random)
  // Of the variance of the appeal the text tells one part and the reads another; what is left nothing tells.
  const rest = Math.sqrt(1 - textShare - correlationOfAppeal ** 2)
  const appeal = Math.sqrt(textShare) * told + correlationOfAppeal * read + rest * drawNormal(random)
  const everyone = random() < everyoneShare ? everyoneFactor : 1
  return {
    early: Math.exp(logSpreadOfReads * read) * everyone,
    later: Math.exp(logSpreadOfReads * readLater) * everyone,
    appeal: Math.exp(logSpreadOfArticles * appeal) * everyone,
    titles: Float64Array.from({ length: titles }, () => Math.exp(logSpreadOfTitles * drawNormal(random))),
  }
}

function correlated(value: number, correlation: number, random: Uniform): number {
  return correlation * value + Math.sqrt(1 - correlation ** 2) * drawNormal(random)
}

/** A random vector of length 1. */
function direction(random: Uniform): Float64Array {
  const values = Float64Array.from({ length: textFeatures }, () => drawNormal(random))
  const length = Math.sqrt(dot(values, values))
  return values.map(value => value / length)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at] * b[at]
  return sum
}
