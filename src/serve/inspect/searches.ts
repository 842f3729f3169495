import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readTrials, trialLogName } from '../../evaluation/tune/trial-log.ts'
import type { ListedSearch } from '../../protocol/methods.ts'

/** Of a search: scores in the order they came, and trials that are listed with their options, at most. */
const [mostScores, mostBest] = [1000, 10]

/** What the search for options in `directory` has found so far; undefined where there is none, or its log is damaged. */
export function searchIn(directory: string): ListedSearch | undefined {
  if (!existsSync(join(directory, trialLogName))) return undefined
  try {
    const { metric, scores } = readTrials(directory)
    const found = scores.filter(({ score }) => score !== null)
    const best = found.toSorted((a, b) => b.score! - a.score!).slice(0, mostBest)
    return {
      directory,
      metric,
      scores: scores.slice(0, mostScores).map(({ score }) => score),
      best: best.map(({ algorithm, options, epochs, score, seconds }) => ({
        algorithm,
        options,
        epochs,
        score: score!,
        seconds,
      })),
    }
  } catch {
    return undefined
  }
}
