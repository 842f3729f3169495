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
 * NDCG@100 and R-precision of the test, with intervals:
 *
 * | | hetrec-lastfm (377) | citeulike-a (1,110) | playlists-5k (5,000, 3 songs given) |
 * | --- | --- | --- | --- |
 * | autoencoder | .461 [.441, .481], .280 [.265, .294] | .397 [.381, .413], .241 [.228, .255] | .134 [.130, .139], .033 [.029, .036] |
 * | ALS | .457 [.437, .477], .274 [.259, .289] | .364 [.350, .378], .201 [.190, .213] | .134 [.129, .138], .033 [.030, .036] |
 * | item-kNN | .418 [.398, .437], .257 [.242, .272] | .393 [.378, .409], .239 [.225, .254] | .120 [.116, .124], .029 [.026, .032] |
 * | EASE | .427 [.407, .445], .257 [.244, .271] | .395 [.379, .413], .262 [.246, .278] | .100 [.096, .105], .027 [.024, .030] |
 * | blend | .464 [.444, .484], .281 [.266, .295] | .422 [.407, .439], .264 [.249, .279] | .137 [.133, .142], .034 [.031, .038] |
 *
 * The autoencoder is even with ALS on hetrec-lastfm (+.0042 [−.0004, +.0091] and +.0052 [−.0001, +.0103]) and playlists-5k (+.0007 [−.0016,
 * +.0030] and −.0003 [−.0035, +.0029]), with neighbours on citeulike-a (+.0033 [−.0023, +.0094] and +.0021 [−.0043, +.0084]), whose R-precision
 * EASE is above by .020 [.014, .027]; elsewhere it is above both. The blend is above the autoencoder by +.0029 [−.0001, +.0061] and +.0014
 * [−.0021, +.0050], +.026 [+.021, +.030] and +.023 [+.017, +.029], +.0029 [+.0010, +.0047] and +.0017 [−.0010, +.0045]. The run of hetrec-lastfm
 * had but 12 of the 72 candidates of ALS, 12 of 32 of neighbours, 2 of 8 of BPR and one graph filter.
 *
 * Tags of hetrec-lastfm: .412 [.380, .445] against .370 [.339, .400] of neighbours, +.043 [+.024, +.062]; the head of tags changes the songs by
 * −.0005 [−.0035, +.0025] and +.0024 [−.0007, +.0056]. What did not help: see the options of the autoencoder.
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
