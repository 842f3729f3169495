import { bootstrapIntervals } from '../../src/evaluation/significance/bootstrap.ts'
import { judgedRows, meansOf, type UserValues } from '../../src/evaluation/significance/user-values.ts'

/** Means and intervals of the same playlists in several draws. */
export function summary(draws: readonly UserValues[]): object {
  return { playlists: judgedRows(draws).users, metrics: meansOfDraws(draws), intervals: bootstrapIntervals(draws) }
}

export function meansOfDraws(draws: readonly UserValues[]): Record<string, number> {
  const means = draws.map(meansOf)
  const names = Object.keys(means[0]!)
  return Object.fromEntries(names.map(name => [name, means.reduce((sum, mean) => sum + mean[name]!, 0) / means.length]))
}
