/**
 * Playlists (or libraries, or what a listener hears) that no training has: half of each one's songs are given, the others to be found.
 * A fifth of the playlists of hetrec-lastfm and citeulike-a is held out, of playlists-5k the 5,000 of its test that its training lacks.
 * NDCG@100 and R-precision of the autoencoder, of popularity, item-kNN, EASE, a graph filter, ALS and BPR, and of a blend; the options of each by
 * a grid (playlists/grids.ts) and the weights of the blend are chosen by the sum of both on a sixth of the training playlists, which are folded
 * in, too. Intervals of 95 % are over playlists, those of differences of the same playlists.
 *
 * Tags: of hetrec-lastfm, those that the listener gave to any artist, half of them hidden; of citeulike-a, those of a library's articles,
 * hidden where no given article carries them. Tags that fewer than five playlists of the training have are left out. NDCG@10 of the
 * autoencoder's second head beside that of the tags of the nearest playlists, each by the best of a grid on a sixth of the training playlists;
 * and what the tags change of the songs.
 *
 * Which half is given is drawn five times for each of these playlists, in validation and test: less is left to chance. Values are means over the draws; a playlist
 * that an interval draws comes with all of its draws. Playlists of validation are cut to six songs where those of the test are as short (playlists-5k).
 *
 * NDCG@100 and R-precision of the test, with intervals:
 *
 * | | hetrec-lastfm (377) | citeulike-a (1,110) | playlists-5k (5,000, 3 songs given) |
 * | --- | --- | --- | --- |
 * | autoencoder | .464 [.446, .483], .283 [.270, .297] | .400 [.385, .415], .241 [.228, .255] | .138 [.134, .141], .035 [.033, .037] |
 * | ALS | .457 [.439, .475], .274 [.260, .287] | .358 [.345, .371], .197 [.186, .207] | .136 [.132, .140], .033 [.031, .035] |
 * | item-kNN | .436 [.418, .455], .259 [.246, .272] | .393 [.378, .408], .239 [.227, .253] | .122 [.118, .126], .029 [.027, .032] |
 * | EASE | .427 [.409, .445], .256 [.243, .269] | .397 [.381, .413], .261 [.246, .277] | .101 [.098, .105], .028 [.026, .031] |
 * | graph filter | .433 [.415, .451], .255 [.242, .268] | .391 [.376, .406], .237 [.223, .250] | .118 [.115, .122], .030 [.028, .033] |
 * | BPR | .394 [.377, .412], .235 [.223, .247] | .305 [.293, .317], .165 [.155, .175] | .116 [.112, .119], .025 [.023, .027] |
 * | blend | .469 [.451, .487], .281 [.268, .295] | .420 [.405, .436], .263 [.248, .277] | .140 [.136, .144], .035 [.033, .038] |
 *
 * The autoencoder less ALS: +.007 [+.004, +.010] and +.009 [+.006, +.014]; +.042 [+.037, +.047] and +.045 [+.039, +.050]; +.002 [+.000, +.003] and +.002 [+.000, +.004].
 * Less neighbours: +.028 [+.023, +.033] and +.024 [+.020, +.028]; +.007 [+.003, +.011] and +.002 [−.003, +.006]; +.016 [+.014, +.018] and +.006 [+.004, +.008]: even in
 * R-precision on citeulike-a, where EASE is above by .020 [.015, .026]. The blend less the autoencoder: +.004 [+.003, +.006] and −.002 [−.006, +.001]; +.020 [+.017, +.023] and +.022 [+.018, +.025]; +.002 [+.001, +.003] and +.000 [−.001, +.002];
 * less EASE on citeulike-a +.023 [+.021, +.026] and +.001 [−.002, +.004]. The run of hetrec-lastfm had 72 of the 112 candidates of ALS, and 32 of the 40 of neighbours.
 *
 * Tags, NDCG@10: hetrec-lastfm .431 [.404, .460] by the head, .389 [.363, .417] by neighbours, +.042 [+.029, +.055]; the head of tags changes the songs by .000 [−.002, +.002] and
 * −.002 [−.006, +.001]. citeulike-a .615 [.601, .629] by the tags of the songs that are predicted (.554 by the head, .605 by both), .581 [.567, .595]
 * by neighbours, +.034 [+.025, +.044]; the head of tags changes the songs by −.005 [−.006, −.003] and −.006 [−.008, −.003].
 * What did not help: see the options of the autoencoder.
 *
 * `--dataset NAME` takes one.
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compareUsers } from '../src/evaluation/significance/compare.ts'
import type { UserValues } from '../src/evaluation/significance/user-values.ts'
import { algorithmNamed } from '../src/models/registry.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import type { Dataset } from '../src/storage/dataset.ts'
import { benchCache } from './data/brunch-data.ts'
import { type Blend, bestBlend, blended, judgeLists, type Lists, listsOf, songScore } from './playlists/blend.ts'
import { type Draw, type PlaylistDataName, playlistData, playlistDataNames, validationData } from './playlists/data.ts'
import { gridOf } from './playlists/grids.ts'
import { summary } from './playlists/summary.ts'
import { tagBench } from './playlists/tag-bench.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { printer } from './support/print.ts'

type Options = Readonly<Record<string, unknown>>

/** Songs of a playlist in validation at most: those of the test of playlists-5k have 5 in the median, those of its training 20. */
const mostSongs: Readonly<Record<PlaylistDataName, number>> = {
  'hetrec-lastfm': Number.POSITIVE_INFINITY,
  'citeulike-a': Number.POSITIVE_INFINITY,
  'playlists-5k': 6,
}

/** Those that are chosen options for; all but BPR may be in the blend. */
const searched = ['autoencoder', 'als', 'ease', 'graph-filter', 'neighbours', 'bpr'] as const

interface Run {
  readonly pool: Pool
  readonly folder: string
  readonly print: (line: object) => void
}

export async function run({ json, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({ args: rest, options: { dataset: { type: 'string' } } })
  const names = playlistDataNames.filter(name => values.dataset === undefined || name === values.dataset)
  if (names.length === 0) {
    throw new RangeError(`--dataset must be one of ${playlistDataNames.join(', ')}, got ${values.dataset}`)
  }
  const pool = new Pool({ threads: 2 })
  const folder = await mkdtemp(join(benchCache, 'playlists-'))
  try {
    const bars: Bar[] = []
    for (const name of names) bars.push(...(await benchOf(name, { pool, folder, print: printer(json) })))
    return bars
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchOf(name: PlaylistDataName, one: Run): Promise<Bar[]> {
  const data = await playlistData(name)
  const { train, draws } = data
  const { options, blend } = await chosen(name, train, one)
  const lists: Record<string, Lists[string]> = {}
  const judged: Record<string, readonly UserValues[]> = {}
  for (const [model, own] of Object.entries({ popular: {}, ...options })) {
    const begun = performance.now()
    lists[model] = await trainedLists(train, draws, model, own, one)
    judged[model] = await judgeLists(lists[model]!, draws)
    const about = { seconds: (performance.now() - begun) / 1000, options: own }
    one.print({ dataset: name, model, ...summary(judged[model]!), ...about })
  }
  judged.blend = await judgeLists(blended(lists, blend), draws)
  one.print({ dataset: name, model: 'blend', ...summary(judged.blend), ...blend })
  const bars: Bar[] = []
  for (const [better, worse] of [
    ...['als', 'neighbours', 'ease', 'graph-filter', 'bpr', 'popular'].map(other => ['autoencoder', other] as const),
    ...searched.map(other => ['blend', other] as const),
  ]) {
    const { metrics } = compareUsers(judged[worse]!, judged[better]!)
    one.print({ dataset: name, compared: `${better} less ${worse}`, ...metrics })
    const isBar = better === 'blend' || worse === 'als' || worse === 'neighbours'
    for (const [metric, { interval }] of Object.entries(metrics)) {
      if (!isBar) continue
      bars.push(atLeast(`${name}, ${metric}: ${better} less ${worse}, lower bound`, interval[0], 0))
    }
  }
  const tagged = { ...data, options: options.autoencoder!, plain: judged.autoencoder! }
  bars.push(...(await tagBench(name, tagged, one)))
  return bars
}

interface Chosen {
  readonly options: Readonly<Record<string, Options>>
  readonly blend: Blend
}

/** The best of each grid on playlists of the training, which are folded in, too; and the best blend of these. */
async function chosen(name: PlaylistDataName, dataset: Dataset, one: Run): Promise<Chosen> {
  const { train, draws } = await validationData(dataset, mostSongs[name], join(one.folder, 'validation'))
  const options: Record<string, Options> = {}
  const best: Record<string, Lists[string]> = {}
  for (const model of searched) {
    let highest = Number.NEGATIVE_INFINITY
    const grid = gridOf(name, model)
    for (const candidate of grid) {
      const lists = await trainedLists(train, draws, model, candidate, one)
      const score = songScore(await judgeLists(lists, draws))
      if (score <= highest) continue
      highest = score
      options[model] = candidate
      best[model] = lists
    }
    one.print({ dataset: name, validation: model, score: highest, of: grid.length, options: options[model] })
  }
  const { bpr: _, ...blendable } = best
  const { blend, score } = await bestBlend(blendable, draws)
  one.print({ dataset: name, validation: 'blend', score, ...blend })
  train.close()
  return { options, blend }
}

async function trainedLists(
  train: Dataset,
  draws: readonly Draw[],
  model: string,
  options: Options,
  { pool, folder }: Run,
): Promise<Lists[string]> {
  const directory = join(folder, 'model')
  await trainModel(train, directory, algorithmNamed(model), options, { pool, replace: true })
  return listsOf(directory, draws, pool)
}
