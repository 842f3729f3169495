import type { Algorithm } from '../../algorithm.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import { liveTrends } from './live.ts'
import { openTrending, verifyTrending } from './model.ts'
import { type TrendingOptions, trendingOptions } from './options.ts'
import { trainTrending } from './train.ts'

/** Everybody gets what most users did in the last hours. */
export const trending: Algorithm<TrendingOptions> = {
  name: 'trending',
  source: 'popular',
  summary: 'the items of the most sessions of late, as events come, the same for everybody; the dataset needs times',
  options: trendingOptions,
  search: { halfLifeHours: { from: 1, to: 1000, scale: 'log' } },
  resumable: false,
  assertFits: dataset => assertHasTimes(dataset, 'trending'),
  train: trainTrending,
  open: openTrending,
  verify: verifyTrending,
  live: liveTrends,
}
